// Activations of the MLP, plain and gated.
#pragma once

#include <torch/types.h>

namespace peftlab::kernels {

enum class Activation {
  kSilu,      // x * sigmoid(x)
  kGeluTanh,  // Gaussian error linear unit, tanh approximation
  kGelu,      // Gaussian error linear unit, exact
};

/// activation(gate) * up: (..., F), (..., F) -> (..., F). Keeps its two inputs alone; the backward recomputes the activation.
/// Computed in float32 (float64 for float64) and rounded once.
torch::Tensor gated(const torch::Tensor& gate, const torch::Tensor& up, Activation activation);

/// activation(x), any shape, for MLPs without a gate.
torch::Tensor activate(const torch::Tensor& x, Activation activation);

namespace slow {
torch::Tensor gated(const torch::Tensor& gate, const torch::Tensor& up, Activation activation);
}  // namespace slow

}  // namespace peftlab::kernels
