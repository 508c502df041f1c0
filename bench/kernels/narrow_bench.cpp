// Products of rows with the factors of a low-rank adapter: with rows in cache, and with those of thirty layers in turn.
#include <optional>

#include "bench/kernels/shapes.h"
#include "core/kernels/loops/matrix_unit.h"
#include "core/kernels/narrow_products.h"

namespace peftlab::bench {
namespace {

namespace loops = kernels::loops;

constexpr int64_t kRank = 8, kLayers = 30;

enum class On { kUnit, kVectors };

struct Setting {
  On on;
  int64_t num_layers, width;
  torch::ScalarType type;
};

/// f(i): the operation on the i-th layer's rows, which passes `passes` times over them.
template <typename F>
void measure_rows(benchmark::State& state, const Setting& setting, int64_t passes, F f) {
  const torch::NoGradGuard no_grad;
  std::optional<loops::MatrixUnitOff> off;
  if (setting.on == On::kVectors) off.emplace();
  int64_t i = 0;
  const double seconds = timed(state, [&] { f(i++ % setting.num_layers); });
  show_work(state, {setting.type, 0.0, row_bytes(passes, setting.width, setting.type)}, seconds);
}

std::vector<torch::Tensor> layers(const Setting& setting) {
  std::vector<torch::Tensor> rows;
  for (int64_t i = 0; i < setting.num_layers; ++i) rows.push_back(random({kRows, setting.width}, setting.type));
  return rows;
}

void product(benchmark::State& state, const Setting& setting) {
  const auto x = layers(setting);
  const auto w = random({kRank, setting.width}, torch::kFloat32);
  measure_rows(state, setting, 1, [&](int64_t i) { benchmark::DoNotOptimize(kernels::narrow_product(x[i], w)); });
}

void update(benchmark::State& state, const Setting& setting) {
  const auto y = layers(setting);
  const auto w = random({kRank, setting.width}, torch::kFloat32) * 1e-3, u = random({kRows, kRank}, torch::kFloat32);
  measure_rows(state, setting, 2, [&](int64_t i) { kernels::add_narrow_product(y[i], u, w); });
}

void gradient(benchmark::State& state, const Setting& setting) {
  const auto x = layers(setting);
  const auto u = random({kRows, kRank}, torch::kFloat32);
  measure_rows(state, setting, 1, [&](int64_t i) { benchmark::DoNotOptimize(kernels::narrow_gradient(u, x[i])); });
}

#define NARROW(what, on, type, width)                                                                            \
  BENCHMARK_CAPTURE(what, narrow_##on##_##type##_##width##_in_cache, Setting{On::on, 1, width, torch::type})     \
      ->UseRealTime();                                                                                           \
  BENCHMARK_CAPTURE(what, narrow_##on##_##type##_##width##_layers, Setting{On::on, kLayers, width, torch::type}) \
      ->UseRealTime()
#define ALL(on, type, width)        \
  NARROW(product, on, type, width); \
  NARROW(update, on, type, width);  \
  NARROW(gradient, on, type, width)
ALL(kUnit, kBFloat16, 576);
ALL(kUnit, kBFloat16, 1536);
ALL(kVectors, kBFloat16, 576);
ALL(kVectors, kBFloat16, 1536);
ALL(kVectors, kFloat32, 576);

}  // namespace
}  // namespace peftlab::bench
