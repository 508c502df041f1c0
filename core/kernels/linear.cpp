#include "core/kernels/linear.h"

#include <torch/types.h>
#include <torch/utils.h>

namespace peftlab::kernels {

torch::Tensor trained_linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  const auto type = x.scalar_type();
  return at::linear(x, weight.to(type), bias.defined() ? bias.to(type) : bias);
}

}  // namespace peftlab::kernels
