// What an injection point costs while nothing fills it.
#include "bench/kernels/shapes.h"
#include "core/model/slots.h"

namespace peftlab::bench {
namespace {

enum class Through { kNothing, kPoint };

/// The smallest product of a step: a key projection of one sequence's answer.
void empty_point(benchmark::State& state, Through through) {
  const torch::NoGradGuard no_grad;
  const bool on = true;
  const auto matrix = random({192, kWidth}, torch::kBFloat16);
  model::ParameterSlot weight{{"proj.weight", 0, matrix}, nullptr, &on};
  const model::LinearSlot slot{{"proj", 0, std::make_shared<DenseStorage>(matrix), {}}, nullptr, &weight, nullptr, &on};
  const auto x = random({64, kWidth}, torch::kBFloat16);
  const double seconds = timed(state, [&] { benchmark::DoNotOptimize(through == Through::kPoint ? slot(x) : slot.base(x)); });
  show_work(state, {torch::kBFloat16, 2.0 * 64 * 192 * kWidth}, seconds);
}
BENCHMARK_CAPTURE(empty_point, without, Through::kNothing)->UseRealTime();
BENCHMARK_CAPTURE(empty_point, with, Through::kPoint)->UseRealTime();

}  // namespace
}  // namespace peftlab::bench
