// Normalisation, rotation, gated activation, dropout.
#include "bench/kernels/shapes.h"
#include "core/kernels/dropout_clock.h"
#include "core/kernels/gated.h"
#include "core/kernels/norm.h"
#include "core/kernels/rotary.h"
#include "peftlab/ops.h"

namespace peftlab::bench {
namespace {

void norm(benchmark::State& state, bool fast, torch::ScalarType type) {
  const auto x = random({kRows, kWidth}, type, true), weight = random({kWidth}, type);
  measure(state, [&] { return fast ? kernels::rms_norm(x, weight, 1e-5) : kernels::slow::rms_norm(x, weight, 1e-5); }, {x},
          {type, 0.0, row_bytes(5, kWidth, type)});
}

void rotary(benchmark::State& state, bool fast, torch::ScalarType type) {
  const auto x = random({kRows, kHeads, kHeadWidth}, type, true);
  const auto angle = torch::randn({kRows, kHeadWidth / 2});
  const auto cos = angle.cos(), sin = angle.sin();
  measure(state, [&] { return fast ? kernels::rotate(x, cos, sin) : kernels::slow::rotate(x, cos, sin); }, {x},
          {type, 0.0, row_bytes(4, kWidth, type)});
}

void gate(benchmark::State& state, bool fast, torch::ScalarType type) {
  const auto a = random({kRows, kMlpWidth}, type, true), b = random({kRows, kMlpWidth}, type, true);
  const auto silu = kernels::Activation::kSilu;
  measure(state, [&] { return fast ? kernels::gated(a, b, silu) : kernels::slow::gated(a, b, silu); }, {a, b},
          {type, 0.0, row_bytes(8, kMlpWidth, type)});
}

/// Against libtorch's own dropout, which keeps its mask.
void drop(benchmark::State& state, bool fast, torch::ScalarType type) {
  const auto x = random({kRows, kWidth}, type, true);
  kernels::set_dropout_clock(1, 2, 3);
  measure(state, [&] { return fast ? peftlab::dropout(x, 0.1, 1) : at::dropout(x, 0.1, /*train=*/true); }, {x},
          {type, 0.0, row_bytes(4, kWidth, type)});
}

#define PAIR(f)                                                            \
  BENCHMARK_CAPTURE(f, twin_f32, false, torch::kFloat32)->UseRealTime();   \
  BENCHMARK_CAPTURE(f, fast_f32, true, torch::kFloat32)->UseRealTime();    \
  BENCHMARK_CAPTURE(f, twin_bf16, false, torch::kBFloat16)->UseRealTime(); \
  BENCHMARK_CAPTURE(f, fast_bf16, true, torch::kBFloat16)->UseRealTime()
PAIR(norm);
PAIR(rotary);
PAIR(gate);
PAIR(drop);

}  // namespace
}  // namespace peftlab::bench
