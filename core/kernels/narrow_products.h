// Products where one side has few columns, as those of low-rank factors.
#pragma once

#include <ATen/core/Tensor.h>

namespace peftlab::kernels {

/// x w: x (N, n), w (n, rank) -> (N, rank). Libraries are several times slower at a product with 8 columns than at the same
/// product turned on its side, with 8 rows.
at::Tensor narrow_product(const at::Tensor& x, const at::Tensor& w);

/// y' u: y (N, n), u (N, rank) -> (n, rank).
at::Tensor narrow_gradient(const at::Tensor& y, const at::Tensor& u);

}  // namespace peftlab::kernels
