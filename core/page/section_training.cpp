// What happened while the runs worked: loss by tokens, time and memory by phase.
#include <algorithm>
#include <cmath>

#include "core/compare/json_access.h"
#include "core/page/plot/row_plots.h"
#include "core/page/plot/unit.h"
#include "core/page/plot/xy_plot.h"
#include "core/page/sections.h"

namespace peftlab::page {
namespace {

constexpr size_t kBins = 48;       // of a curve
constexpr size_t kTableSteps = 8;  // bins between two lines of its table
constexpr size_t kPanel = 8;       // curves in one plot: as many as there are hues and dashes

struct Curve {
  const RowMaterial* row;
  std::vector<At> points;
};

double most_tokens(const Group& group) {
  double most = 0.0;
  for (const auto& row : group.rows) {
    for (const auto& curve : row.curves) {
      if (!curve.points.empty()) most = std::max(most, static_cast<double>(curve.points.back().num_useful_tokens));
    }
  }
  return most;
}

/// Means over seeds and neighbouring steps, so that what is seen is the course and not the noise of single steps. A
/// loss that is not a number makes its bin one.
Curve curve_of(const RowMaterial& row, double tokens) {
  std::vector<double> sums(kBins, 0.0), counts(kBins, 0.0);
  for (const auto& curve : row.curves) {
    for (const auto& point : curve.points) {
      const double share = static_cast<double>(point.num_useful_tokens) / tokens;
      const auto bin = std::min(kBins - 1, static_cast<size_t>(share * kBins));
      sums[bin] += point.task_loss;
      counts[bin] += 1.0;
    }
  }
  Curve result{&row, {}};
  for (size_t i = 0; i < kBins; ++i) {
    if (counts[i] > 0.0)
      result.points.push_back({(static_cast<double>(i) + 0.5) / kBins * tokens, sums[i] / counts[i]});
  }
  return result;
}

std::vector<double> losses_of(const std::vector<Curve>& curves) {
  std::vector<double> losses;
  for (const auto& curve : curves) {
    for (const auto& point : curve.points) {
      if (std::isfinite(point.y)) losses.push_back(point.y);
    }
  }
  return losses;
}

Scale scale_of(const std::vector<double>& losses) {
  if (losses.empty()) return Scale::linear;
  const auto [least, most] = std::minmax_element(losses.begin(), losses.end());
  return *least > 0.0 && *most / *least > 20.0 ? Scale::logarithmic : Scale::linear;
}

std::string thousands(double value) { return value == 0.0 ? "0" : short_number(value / 1000.0) + "k"; }

TableData numbers_of(const XyPlot& plot) {
  TableData data{plot.title + ", nats a token", {"run"}, {}};
  for (const auto& one : plot.lines) {
    if (one.points.size() < 2) continue;
    data.rows.push_back({TableCell::of(one.label)});
    for (size_t i = 0; i < one.points.size(); i += kTableSteps) {
      data.rows.back().push_back(TableCell::number(thousands(one.points[i].x) + ": " + short_number(one.points[i].y)));
    }
    data.rows.back().push_back(
        TableCell::number(thousands(one.points.back().x) + ": " + short_number(one.points.back().y)));
  }
  size_t most = 1;
  for (const auto& row : data.rows) most = std::max(most, row.size());
  while (data.headings.size() < most) data.headings.push_back("tokens: loss");
  for (auto& row : data.rows) {
    while (row.size() < most) row.push_back(TableCell::number("-"));
  }
  return data;
}

Html curve_panel(const std::vector<Curve>& curves, size_t begin, const std::vector<double>& losses) {
  XyPlot plot;
  const size_t end = std::min(begin + kPanel, curves.size());
  plot.title = "Training loss by useful tokens";
  if (curves.size() > kPanel) plot.title += ", rows " + std::to_string(begin + 1) + " to " + std::to_string(end);
  plot.x_heading = "useful tokens seen";
  plot.y_scale = scale_of(losses);
  plot.y_heading = plot.y_scale == Scale::logarithmic ? "loss, nats a token (logarithmic)" : "loss, nats a token";
  plot.x_label = thousands;
  plot.y_label = short_number;
  plot.also_over = losses;
  std::vector<LegendEntry> entries;
  std::string last;
  for (size_t i = begin; i < end; ++i) {
    const auto& row = *curves[i].row;
    plot.lines.push_back({row.series, row.row->label, curves[i].points});
    entries.push_back({row.series, row.row->label, Sign::dashes});
    if (!curves[i].points.empty())
      last += (last.empty() ? "" : ", ") + row.row->label + " " + short_number(curves[i].points.back().y);
  }
  plot.description = "Means over seeds and neighbouring steps. At the end: " + last + ".";
  plot.numbers = numbers_of(plot);
  return element("div", drawn(plot) + legend(entries));
}

/// The sum over the splits of an assessment.
std::optional<double> seconds_of(const io::Json& record, const char* which) {
  const auto* splits = compare::find(record, "results", which);
  if (splits == nullptr || !splits->is_object()) return std::nullopt;
  std::optional<double> sum;
  for (const auto& [name, split] : splits->items()) {
    if (const auto seconds = compare::number_at(split, "seconds")) sum = sum.value_or(0.0) + *seconds;
  }
  return sum;
}

struct Phase {
  const char* name;
  std::optional<double> (*of)(const io::Json& record);
};

constexpr Phase kTimes[] = {
    {"set-up", [](const io::Json& r) { return compare::number_at(r, "results", "setup_seconds"); }},
    {"base model's answers", [](const io::Json& r) { return seconds_of(r, "base"); }},
    {"training", [](const io::Json& r) { return compare::number_at(r, "results", "training", "seconds"); }},
    {"evaluation while training",
     [](const io::Json& r) { return compare::number_at(r, "results", "training", "evaluation_seconds"); }},
    {"tuned model's answers", [](const io::Json& r) { return seconds_of(r, "tuned"); }},
    {"forgetting", [](const io::Json& r) { return compare::number_at(r, "results", "forgetting", "seconds"); }}};

template <int index>
std::optional<double> peak(const io::Json& record) {
  static constexpr const char* kKeys[] = {"setup", "base_evaluation", "training", "evaluation", "forgetting"};
  return compare::number_at(record, "results", "peak_memory_bytes", kKeys[index]);
}
constexpr Phase kPeaks[] = {{"set-up", peak<0>},
                            {"base model's answers", peak<1>},
                            {"training", peak<2>},
                            {"tuned model's answers", peak<3>},
                            {"forgetting", peak<4>}};

template <int index>
std::optional<double> memory_part(const io::Json& record) {
  static constexpr const char* kKeys[] = {"program", "base_model", "trained", "gradients", "optimizer", "activations"};
  return compare::number_at(record, "results", "training_memory_bytes", kKeys[index]);
}
constexpr Phase kMemoryParts[] = {{"program and data", memory_part<0>}, {"base model", memory_part<1>},
                                  {"trained", memory_part<2>},          {"gradients", memory_part<3>},
                                  {"optimizer", memory_part<4>},        {"activations", memory_part<5>}};

/// Over the runs of a row, what none says left out; NaN where all are silent.
double mean_over_runs(const RowMaterial& row, const Phase& phase) {
  double sum = 0.0, count = 0.0;
  for (const auto& record : row.records) {
    const auto value = phase.of(record);
    if (!value || !std::isfinite(*value)) continue;
    sum += *value;
    count += 1.0;
  }
  return count > 0.0 ? sum / count : NAN;
}

double most_over_runs(const RowMaterial& row, const Phase& phase) {
  double most = NAN;
  for (const auto& record : row.records) most = std::fmax(most, phase.of(record).value_or(NAN));
  return most;
}

/// Rows of the trained, in a unit that fits them; false where there are none.
template <size_t size>
bool fill(BarPlot& plot, const Group& group, const Phase (&all)[size], Quantity quantity,
          double (*over_runs)(const RowMaterial&, const Phase&)) {
  for (const auto& phase : all) plot.parts.push_back(phase.name);
  double most = 0.0;
  for (const auto& row : group.rows) {
    std::vector<double> values;
    for (const auto& phase : all) values.push_back(over_runs(row, phase));
    const bool known = std::any_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
    if (row.row->untrained || !known) continue;
    for (const double value : values) most = std::fmax(most, value);
    plot.rows.emplace_back(row.row->label, values);
  }
  const auto unit = unit_of(quantity, most);
  plot.title = unit.with(plot.title);
  plot.label = label_of(quantity);
  for (auto& [label, values] : plot.rows) {
    for (double& value : values) value /= unit.size;
  }
  return !plot.rows.empty();
}

Html times_plot(const Group& group) {
  BarPlot plot{"Time by phase", "", "mean over seeds", {}, {}, {}};
  if (!fill(plot, group, kTimes, Quantity::seconds, mean_over_runs)) return {};
  plot.description =
      "The base model's answers are made once and kept for other runs: their time is what they took then. Times of "
      "different machines are no comparison.";
  return element("div", drawn(plot) + element("p", {{"class", "soft"}}, plot.description));
}

Html peaks_plot(const Group& group) {
  BarPlot plot{"Peak memory by phase", "", "highest of the seeds", {}, {}, {}};
  if (!fill(plot, group, kPeaks, Quantity::bytes, most_over_runs)) return {};
  plot.description =
      "Peaks do not add up: each mark is the most that was held at once in its phase, and the figure on the right the "
      "highest.";
  return element("div", drawn_as_markers(plot) + element("p", {{"class", "soft"}}, plot.description));
}

Html memory_plot(const Group& group) {
  BarPlot plot{"Peak memory in training by part", "", "mean over seeds", {}, {}, {}};
  if (!fill(plot, group, kMemoryParts, Quantity::bytes, mean_over_runs)) return {};
  plot.description =
      "The parts add up to the peak. Activations are all that a step works with beside gradients and optimizer; "
      "program and data are what was resident before training, weights left out.";
  return element("div", drawn(plot) + element("p", {{"class", "soft"}}, plot.description));
}

}  // namespace

Html learning_curves(const Group& group) {
  const double tokens = most_tokens(group);
  if (tokens <= 0.0) return {};
  std::vector<Curve> curves;
  for (const auto& row : group.rows) {
    auto curve = curve_of(row, tokens);
    if (!curve.points.empty()) curves.push_back(std::move(curve));
  }
  const auto losses = losses_of(curves);
  std::vector<Html> panels;
  for (size_t begin = 0; begin < curves.size(); begin += kPanel) panels.push_back(curve_panel(curves, begin, losses));
  const char* note =
      "Means over seeds and neighbouring steps. What a method adds to the loss for itself is left out. Useful tokens "
      "are "
      "those of each example as it would stand alone.";
  return element("p", {{"class", "soft"}}, note) + side_by_side(panels);
}

Html phases(const Group& group) {
  std::vector<Html> plots;
  for (auto plot : {times_plot(group), peaks_plot(group), memory_plot(group)}) {
    if (!plot.empty()) plots.push_back(std::move(plot));
  }
  return plots.empty() ? Html() : side_by_side(plots);
}

}  // namespace peftlab::page
