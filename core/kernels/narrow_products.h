// Products of low-rank factors, where one side has few columns. In main memory and up to a rank where the libraries' products
// are better, own loops that read the factors as they are kept and sum in float32; else libtorch's, in the type of x or y.
#pragma once

#include <ATen/core/Tensor.h>

namespace peftlab::kernels {

/// Whether the own loops do the products of x with factors of `rank`.
bool has_narrow_loops(const at::Tensor& x, int64_t rank);

/// x w': x (N, n), w (rank, n) -> (N, rank), in float32 from the loops, else in x's type.
at::Tensor narrow_product(const at::Tensor& x, const at::Tensor& w);

/// The same written into u (N, rank), of any type, rows of which may lie apart.
void narrow_product_into(const at::Tensor& x, const at::Tensor& w, const at::Tensor& u);

/// y += u w in place: y (N, n), u (N, rank), w (rank, n).
void add_narrow_product(const at::Tensor& y, const at::Tensor& u, const at::Tensor& w);

/// u' x: u (N, rank), x (N, n) -> (rank, n), in float32 from the loops, else in x's type.
at::Tensor narrow_gradient(const at::Tensor& u, const at::Tensor& x);

/// scale * w', by rows: w (n, rank) -> (rank, n).
at::Tensor turned(const at::Tensor& w, double scale);

}  // namespace peftlab::kernels
