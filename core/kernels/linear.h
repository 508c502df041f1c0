// Products with matrices that are trained.
#pragma once

#include <torch/types.h>

namespace peftlab::kernels {

/// x W' + bias with gradients to all three: x (..., in), weight (out, in), bias (out) or undefined -> (..., out). A weight or
/// bias of another type than x's is converted first, so that its gradient comes back in its own type.
torch::Tensor trained_linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

}  // namespace peftlab::kernels
