// Two random matrices that all modules of a method share.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

namespace peftlab {

/// A (rank, in) and B (out, rank), frozen: each module takes the top left that fits it. They belong to the method,
/// which remembers and saves them once, as the buffers `vera_A` and `vera_B`.
class SharedProjection final : public torch::nn::Module {
 public:
  /// Uniform as He et al., 2015, draw for a gain of sqrt(2): a function of `key` alone, in the order and with the
  /// arithmetic of PEFT's VeRA, so that its files without A and B mean the same here.
  SharedProjection(int64_t rank, int64_t in, int64_t out, int64_t key, torch::ScalarType type);

  const torch::Tensor& a() const { return a_; }
  const torch::Tensor& b() const { return b_; }

 private:
  torch::Tensor a_;  // (rank, in)
  torch::Tensor b_;  // (out, rank)
};

}  // namespace peftlab
