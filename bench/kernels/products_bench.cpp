// The loss of the output head and low-rank products.
#include "bench/kernels/shapes.h"
#include "core/kernels/cross_entropy.h"
#include "core/kernels/grouped_low_rank.h"

namespace peftlab::bench {
namespace {

void loss(benchmark::State& state, bool fast, torch::ScalarType type, int64_t rows) {
  const auto h = random({rows, kWidth}, type, true), weight = random({kVocab, kWidth}, type);
  const auto targets = torch::randint(kVocab, {rows}, torch::kInt64);
  measure(state, [&] {
    return fast ? kernels::linear_cross_entropy(h, weight, {}, targets) : kernels::slow::linear_cross_entropy(h, weight, {}, targets);
  }, {h}, {type, 4.0 * static_cast<double>(rows * kWidth * kVocab)});
}

#define LOSS(type, rows)                                                                                                    \
  BENCHMARK_CAPTURE(loss, twin_##type##_##rows, false, torch::type, rows)->UseRealTime()->Unit(benchmark::kMillisecond);   \
  BENCHMARK_CAPTURE(loss, fast_##type##_##rows, true, torch::type, rows)->UseRealTime()->Unit(benchmark::kMillisecond)
LOSS(kBFloat16, 400);
LOSS(kBFloat16, 1200);
LOSS(kFloat32, 400);

constexpr int64_t kRank = 8;

enum class How { kComposed, kFunction, kGrouped };

/// The q, k and v projections of one layer with rank 8.
void low_rank(benchmark::State& state, How how, torch::ScalarType type, int64_t rows) {
  const auto x = random({rows, kWidth}, type, true);
  std::vector<FrozenLinear> bases;
  for (const int64_t out : {kWidth, int64_t{192}, int64_t{192}}) {
    bases.emplace_back("proj", 0, std::make_shared<DenseStorage>(random({out, kWidth}, type)), torch::Tensor());
  }
  std::vector<kernels::LowRankPart> parts;
  std::vector<torch::Tensor> inputs{x};
  for (const auto& base : bases) {
    parts.push_back({&base, {random({kRank, kWidth}, torch::kFloat32, true), random({base.out(), kRank}, torch::kFloat32, true), 2.0}});
    inputs.push_back(parts.back().factors.down);
    inputs.push_back(parts.back().factors.up);
  }
  const auto composed = [&](const kernels::LowRankPart& part) {
    const auto& f = part.factors;
    return at::linear(x, part.base->weight()) + at::linear(at::linear(x, f.down.to(type)), f.up.to(type)) * f.scale;
  };
  const double outs = kWidth + 2 * 192;
  // Forward and the gradient of x through the matrices; through the factors that, and their own gradients.
  const double flop = static_cast<double>(rows) * (4.0 * kWidth * outs + 6.0 * kRank * (3.0 * kWidth + outs));
  measure(state, [&] {
    if (how == How::kGrouped) return torch::cat(kernels::grouped_low_rank(x, parts), 1);
    std::vector<torch::Tensor> y;
    for (const auto& part : parts) {
      y.push_back(how == How::kComposed ? composed(part) : low_rank_linear(*part.base, x, part.factors));
    }
    return torch::cat(y, 1);
  }, inputs, {type, flop});
}

#define LOW_RANK(type, rows)                                                                                 \
  BENCHMARK_CAPTURE(low_rank, composed_##type##_##rows, How::kComposed, torch::type, rows)->UseRealTime();   \
  BENCHMARK_CAPTURE(low_rank, function_##type##_##rows, How::kFunction, torch::type, rows)->UseRealTime();   \
  BENCHMARK_CAPTURE(low_rank, grouped_##type##_##rows, How::kGrouped, torch::type, rows)->UseRealTime()
LOW_RANK(kBFloat16, 400);
LOW_RANK(kBFloat16, 1240);
LOW_RANK(kFloat32, 400);

}  // namespace
}  // namespace peftlab::bench
