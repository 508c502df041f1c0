// The element-wise product of two low-rank matrices, times activations.
#pragma once

#include <torch/types.h>

namespace peftlab {

/// (A1 B1) * (A2 B2): `a1`, `a2` (out, rank), `b1`, `b2` (rank, in) -> (out, in).
torch::Tensor hadamard(const torch::Tensor& a1, const torch::Tensor& b1, const torch::Tensor& a2,
                       const torch::Tensor& b2);

/// x ((A1 B1) * (A2 B2))' in the type of x: (N, in) -> (N, out). Keeps x and the factors: what is (out, in) is built
/// again for the gradient.
torch::Tensor hadamard_product(const torch::Tensor& x, const torch::Tensor& a1, const torch::Tensor& b1,
                               const torch::Tensor& a2, const torch::Tensor& b2);

}  // namespace peftlab
