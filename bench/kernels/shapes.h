// SmolLM2-135M's sizes and the helpers that the benchmarks share.
#pragma once

#include <benchmark/benchmark.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <chrono>
#include <functional>
#include <vector>

#include "bench/kernels/limits.h"

namespace peftlab::bench {

inline constexpr int64_t kWidth = 576, kHeads = 9, kKvHeads = 3, kHeadWidth = 64, kMlpWidth = 1536, kVocab = 49152;
/// A shared beginning of 120 tokens and 16 examples of 70.
inline constexpr int64_t kRows = 120 + 16 * 70;

inline torch::Tensor random(at::IntArrayRef sizes, torch::ScalarType type, bool needs_gradient = false) {
  return (torch::randn(sizes) * 0.5).to(type).requires_grad_(needs_gradient);
}

/// What one iteration needs at least, the backward pass included.
struct Work {
  torch::ScalarType type;
  double flop = 0.0;   // of products; 0: the operation only moves data
  double bytes = 0.0;  // read and written
};

/// Adds rate and fraction of the machine's limit to what is shown of a benchmark. The same work is counted for an operation and
/// its twin, whatever the twin does beside it.
inline void show_work(benchmark::State& state, const Work& work, double seconds) {
  const bool products = work.flop > 0.0;
  const double rate = (products ? work.flop : work.bytes) * static_cast<double>(state.iterations()) / seconds;
  const double limit = products ? product_limit(work.type) : copy_limit(static_cast<int64_t>(work.bytes / 2));
  state.counters[products ? "GFLOP/s" : "GB/s"] = 1e-9 * rate;
  state.counters["of_limit"] = rate / limit;
}

/// Runs f once for each iteration; returns the seconds they took together.
template <typename F>
double timed(benchmark::State& state, F f) {
  const auto start = std::chrono::steady_clock::now();
  for (auto _ : state) f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Runs f, and the gradient of its result with respect to `inputs` where there are any, once for each iteration.
inline void measure(benchmark::State& state, const std::function<torch::Tensor()>& f, const std::vector<torch::Tensor>& inputs,
                    const Work& work) {
  torch::Tensor weights;
  const double seconds = timed(state, [&] {
    const auto y = f();
    if (!weights.defined()) weights = torch::randn_like(y);
    if (!inputs.empty()) benchmark::DoNotOptimize(torch::autograd::grad({y}, inputs, {weights}));
    benchmark::DoNotOptimize(y);
  });
  show_work(state, work, seconds);
}

/// Bytes of so many passes over rows of `width` elements.
inline double row_bytes(int64_t passes, int64_t width, torch::ScalarType type) {
  return static_cast<double>(passes * kRows * width) * static_cast<double>(c10::elementSize(type));
}

}  // namespace peftlab::bench
