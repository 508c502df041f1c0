// What the quality costs.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/page/plot/unit.h"
#include "core/page/plot/xy_plot.h"
#include "core/page/sections.h"

namespace peftlab::page {
namespace {

constexpr double kLogarithmicFrom = 8.0;  // the highest cost over the lowest

struct Cost {
  const char* name;  // as Comparison::fronts has it
  const char* heading;
  Quantity quantity;
  std::optional<double> (*of)(const compare::Costs&);
};

template <auto member>
std::optional<double> cost(const compare::Costs& costs) {
  const auto& value = costs.*member;
  return value ? std::optional<double>(static_cast<double>(*value)) : std::nullopt;
}

constexpr Cost kCosts[] = {
    {"trainable parameters", "trainable parameters", Quantity::count, cost<&compare::Costs::num_trainable>},
    {"peak memory", "peak memory in training", Quantity::bytes, cost<&compare::Costs::peak_memory_bytes>},
    {"training time", "training time", Quantity::seconds, cost<&compare::Costs::training_seconds>},
    {"adapter bytes", "size of the adapter", Quantity::bytes, cost<&compare::Costs::adapter_bytes>}};

std::string score_text(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", 100.0 * share);
  return text;
}

/// What stands in the plot: trained, with a score and this cost.
struct Costly {
  const RowMaterial* row;
  double cost = 0.0;
  bool on_front = false;
};

std::vector<Costly> costly_rows(const Group& group, const Cost& c, const std::vector<size_t>& front) {
  std::vector<Costly> rows;
  for (size_t i = 0; i < group.rows.size(); ++i) {
    const auto& row = *group.rows[i].row;
    const auto value = c.of(row.costs);
    if (row.untrained || !row.quality || !value) continue;
    rows.push_back({&group.rows[i], *value, std::find(front.begin(), front.end(), i) != front.end()});
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Costly& a, const Costly& b) { return a.cost < b.cost; });
  return rows;
}

Html pareto_plot(const std::vector<Costly>& rows, const Cost& c) {
  const auto unit = unit_of(c.quantity, rows.back().cost);
  XyPlot plot;
  plot.title = std::string("Score against ") + c.heading;
  // Costs of methods differ by powers of ten, or hardly at all.
  const bool logarithmic = rows.front().cost > 0.0 && rows.back().cost / rows.front().cost > kLogarithmicFrom;
  plot.x_scale = logarithmic ? Scale::logarithmic : Scale::linear;
  plot.x_heading = unit.with(c.heading) + (logarithmic ? " (logarithmic)" : "");
  plot.y_heading = "score, %";
  plot.x_label = label_of(c.quantity);
  plot.y_label = score_text;
  plot.numbers = {plot.title, {"run", unit.with(c.heading), "score, %", "on the front"}, {}};
  std::string names;
  for (const auto& one : rows) {
    const auto& row = *one.row->row;
    const At at{one.cost / unit.size, row.quality->value};
    std::optional<std::pair<double, double>> interval;
    if (row.interval) interval = {row.interval->low, row.interval->high};
    plot.points.push_back({one.row->series, row.label, at, interval});
    plot.numbers.rows.push_back({TableCell::of(row.label), TableCell::number(plot.x_label(at.x)),
                                 TableCell::number(score_text(at.y)), TableCell::of(one.on_front ? "yes" : "no")});
    if (!one.on_front) continue;
    plot.front.push_back(at);
    names += (names.empty() ? "" : ", ") + row.label;
  }
  plot.description =
      "Upright lines are 95 % intervals. No other row is better and cheaper than those on the dashed front: " + names +
      ".";
  return drawn(plot);
}

}  // namespace

Html pareto_plots(const Group& group) {
  std::vector<Html> plots;
  for (const auto& c : kCosts) {
    for (const auto& [name, front] : group.comparison.fronts) {
      if (name != c.name) continue;
      if (const auto rows = costly_rows(group, c, front); !rows.empty()) plots.push_back(pareto_plot(rows, c));
    }
  }
  if (plots.empty()) return {};
  std::vector<LegendEntry> entries;
  for (const auto& row : group.rows) {
    if (row.row->quality && !row.row->untrained) entries.push_back({row.series, row.row->label});
  }
  return legend(entries) + side_by_side(plots);
}

}  // namespace peftlab::page
