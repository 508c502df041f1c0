// Rotary position embedding.
#pragma once

#include <torch/types.h>

namespace peftlab::kernels {

/// Rotates the first R of the D numbers of every head: x (N, H, D), cos and sin (N, R/2), R even and <= D -> (N, H, D) in
/// x's type. Element i < R/2 is paired with i + R/2, or, with `pairs`, element 2i with 2i + 1 (GLM). Computed in float32
/// (float64 for float64) and rounded once. The backward is the inverse rotation; cos and sin get no gradient.
/// Reference: Su et al., 2021.
torch::Tensor rotate(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin, bool pairs = false);

namespace slow {
torch::Tensor rotate(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin, bool pairs = false);
}  // namespace slow

}  // namespace peftlab::kernels
