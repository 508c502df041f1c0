#include "core/lab/update_spectra.h"

#include <ATen/CPUGeneratorImpl.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "core/io/files.h"
#include "core/io/streams.h"
#include "core/model/decoder.h"
#include "peftlab/low_rank.h"

namespace peftlab::lab {
namespace {

using torch::Tensor;

constexpr int64_t kOversampling = 8;
constexpr int kPowerIterations = 2;
constexpr int64_t kExactBelow = 64;        // rows or columns
constexpr double kSmallestSquare = 1e-13;  // of the largest: beyond it a direction is rounding

/// An orthonormal basis of the columns, zero where they have fewer directions than their number: (m, k) -> (m, k). From
/// their products, in float64: k is small, and a decomposition of the long matrix itself takes ten times as long.
Tensor basis(const Tensor& columns) {
  const auto wide = columns.to(torch::kFloat64);
  const auto [squares, directions] = at::linalg_eigh(wide.t().matmul(wide));
  const auto least = squares.max() * kSmallestSquare;
  const auto scale = at::where(squares > least, squares.clamp_min(1e-300).rsqrt(), at::zeros_like(squares));
  return wide.matmul(directions * scale).to(columns.scalar_type());
}

/// Singular values of a long matrix (m, k), falling, from the same products.
Tensor values_of_long(const Tensor& matrix) {
  const auto wide = matrix.to(torch::kFloat64);
  return at::linalg_eigvalsh(wide.t().matmul(wide)).flip(0).clamp_min(0.0).sqrt();
}

/// The triangle of m = Q R, which has the singular values of m.
Tensor triangle(const Tensor& m) { return std::get<1>(at::linalg_qr(m, "r")); }

std::vector<double> listed(const Tensor& values) {
  const auto leading =
      values.narrow(0, 0, std::min(values.size(0), kSingularValues)).to(torch::kCPU, torch::kFloat64).contiguous();
  return {leading.data_ptr<double>(), leading.data_ptr<double>() + leading.size(0)};
}

/// What a patch does to its matrix: W' - W, or factors whose product that is.
struct Update {
  Tensor matrix;  // (out, in); undefined where there are factors
  std::optional<LowRankFactors> factors;
};

std::optional<Update> update_of(const WeightPatch& patch, const FrozenLinear& base) {
  if (const auto factors = patch.factors()) return Update{{}, factors};
  const auto merged = patch.merged(base);
  if (!merged) return std::nullopt;
  return Update{merged->weight - base.weight().to(merged->weight.scalar_type()), std::nullopt};
}

/// Of s U D the values are those of s R_U R_D', both triangles no larger than the rank.
void measure(UpdateSpectrum& spectrum, const LowRankFactors& f, uint64_t seed) {
  const auto up = f.up.to(torch::kFloat64), down = f.down.to(torch::kFloat64);
  const auto core = f.scale * triangle(up).matmul(triangle(down.t()).t());
  spectrum.update_norm = core.norm().item<double>();
  if (std::isfinite(spectrum.update_norm)) spectrum.singular_values = leading_singular_values(core, seed);
}

void measure(UpdateSpectrum& spectrum, const Tensor& update, uint64_t seed) {
  spectrum.update_norm = update.norm().item<double>();
  if (std::isfinite(spectrum.update_norm)) spectrum.singular_values = leading_singular_values(update, seed);
}

class Collector {
 public:
  Collector(const model::Weights& weights, uint64_t seed) : seed_(seed) {
    for (const auto& slot : weights.linears()) linears_[slot.base.name()] = &slot;
    for (const auto& slot : weights.parameters()) parameters_[slot.base.name()] = &slot;
    if (weights.embedding != nullptr) embedding_ = weights.embedding;
  }

  void add(const plugin::FilledPoint& point) {
    switch (point.kind) {
      case plugin::PointKind::kWeight:
        return add_weight(point);
      case plugin::PointKind::kParameter:
        return add_parameter(point);
      case plugin::PointKind::kTable:
        return add_table(point);
      case plugin::PointKind::kVirtualTokens:
      case plugin::PointKind::kPrefix:
        return;
    }
  }

  std::vector<UpdateSpectrum> take() { return std::move(spectra_); }

 private:
  void add_weight(const plugin::FilledPoint& point) {
    const auto& base = linears_.at(point.name)->base;
    const auto update = update_of(static_cast<const WeightPatch&>(*point.patch), base);
    if (!update) return;
    auto& spectrum = begin(point.name, base.out(), base.in(), base.weight());
    const uint64_t seed = io::stream_seed(seed_, "spectra", point.name);
    if (update->factors) {
      measure(spectrum, *update->factors, seed);
    } else {
      measure(spectrum, update->matrix, seed);
    }
  }

  void add_parameter(const plugin::FilledPoint& point) {
    const auto& base = parameters_.at(point.name)->base.value();
    const auto& value = static_cast<const ParameterPatch&>(*point.patch).value();
    if (!base.defined() || base.dim() != 2) return;
    const std::string suffix = ".weight";
    const auto module =
        point.name.ends_with(suffix) ? point.name.substr(0, point.name.size() - suffix.size()) : point.name;
    add_difference(module, value, base);
  }

  void add_table(const plugin::FilledPoint& point) {
    const auto& table = embedding_->base.value();
    if (const auto merged = static_cast<const TablePatch&>(*point.patch).merged(table))
      add_difference(point.name, *merged, table);
  }

  void add_difference(const std::string& name, const Tensor& changed, const Tensor& base) {
    auto& spectrum = begin(name, base.size(0), base.size(1), base);
    measure(spectrum, changed - base.to(changed.scalar_type()), io::stream_seed(seed_, "spectra", name));
  }

  UpdateSpectrum& begin(const std::string& name, int64_t out, int64_t in, const Tensor& weight) {
    spectra_.push_back({name, out, in, weight.to(torch::kFloat32).norm().item<double>(), 0.0, {}});
    return spectra_.back();
  }

  uint64_t seed_;
  std::map<std::string, const model::LinearSlot*> linears_;
  std::map<std::string, const model::ParameterSlot*> parameters_;
  const model::ParameterSlot* embedding_ = nullptr;
  std::vector<UpdateSpectrum> spectra_;
};

/// Six digits: what the subspace gives, and a third of the bytes.
double shortened(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return std::strtod(text, nullptr);
}

io::Json to_json(const UpdateSpectrum& s) {
  io::Json values = io::Json::array();
  for (const double value : s.singular_values) values.push_back(shortened(value));
  return {{"matrix", s.matrix},
          {"shape", {s.out, s.in}},
          {"weight_norm", shortened(s.weight_norm)},
          {"update_norm", shortened(s.update_norm)},
          {"singular_values", values}};
}

}  // namespace

std::vector<double> leading_singular_values(const Tensor& matrix, uint64_t seed) {
  torch::NoGradGuard no_grad;
  const int64_t out = matrix.size(0), in = matrix.size(1);
  if (std::min(out, in) == 0) return {};
  if (std::min(out, in) <= kExactBelow) return listed(at::linalg_svdvals(matrix));
  auto generator = at::detail::createCPUGenerator(seed);
  const auto test = at::randn({in, kSingularValues + kOversampling}, generator, torch::kFloat32).to(matrix.options());
  auto q = basis(matrix.matmul(test));  // (out, k)
  for (int i = 0; i < kPowerIterations; ++i) q = basis(matrix.matmul(basis(matrix.t().matmul(q))));
  return listed(values_of_long(matrix.t().matmul(q)));
}

std::vector<UpdateSpectrum> update_spectra(const model::Decoder& decoder, const MethodSet& methods, uint64_t seed) {
  torch::NoGradGuard no_grad;
  Collector collector(decoder.weights(), seed);
  for (const auto& method : methods.methods) {
    for (const auto& point : method->filled()) collector.add(point);
  }
  return collector.take();
}

void record_updates(io::Json& results, const std::filesystem::path& folder, const model::Decoder& decoder,
                    const MethodSet& methods, uint64_t seed) {
  const auto begin = std::chrono::steady_clock::now();
  const auto spectra = update_spectra(decoder, methods, seed);
  if (spectra.empty()) return;
  io::Json matrices = io::Json::array();
  for (const auto& spectrum : spectra) matrices.push_back(to_json(spectrum));
  io::write_file(folder / "updates.json", io::Json{{"matrices", matrices}}.dump() + "\n");
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  results["updates"] = {{"file", "updates.json"}, {"num_matrices", spectra.size()}, {"seconds", seconds}};
}

}  // namespace peftlab::lab
