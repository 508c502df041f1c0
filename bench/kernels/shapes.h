// SmolLM2-135M's sizes and the helpers that the benchmarks share.
#pragma once

#include <benchmark/benchmark.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <functional>
#include <vector>

namespace peftlab::bench {

inline constexpr int64_t kWidth = 576, kHeads = 9, kKvHeads = 3, kHeadWidth = 64, kMlpWidth = 1536, kVocab = 49152;
/// A shared beginning of 120 tokens and 16 examples of 70.
inline constexpr int64_t kRows = 120 + 16 * 70;

inline torch::Tensor random(at::IntArrayRef sizes, torch::ScalarType type, bool needs_gradient = false) {
  return (torch::randn(sizes) * 0.5).to(type).requires_grad_(needs_gradient);
}

/// Runs f, and with `backward` the gradient of its result with respect to `inputs`, once for each iteration.
inline void measure(benchmark::State& state, const std::function<torch::Tensor()>& f, const std::vector<torch::Tensor>& inputs) {
  torch::Tensor weights;
  for (auto _ : state) {
    const auto y = f();
    if (!weights.defined()) weights = torch::randn_like(y);
    if (!inputs.empty()) benchmark::DoNotOptimize(torch::autograd::grad({y}, inputs, {weights}));
    benchmark::DoNotOptimize(y);
  }
}

inline const char* name_of(torch::ScalarType type) { return type == torch::kBFloat16 ? "bf16" : "f32"; }

}  // namespace peftlab::bench
