// Scores, differences and forgetting with their intervals.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/compare/json_access.h"
#include "core/page/plot/row_plots.h"
#include "core/page/sections.h"

namespace peftlab::page {
namespace {

std::string formatted(const char* pattern, double value) {
  char text[48];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

std::string percent(double share) { return formatted("%.2f", 100.0 * share); }
std::string points(double share) { return formatted("%+.2f", 100.0 * share); }
std::string nats(double value) { return formatted("%+.4f", value); }

std::optional<std::pair<double, double>> ends(const std::optional<compare::Interval>& interval) {
  if (!interval) return std::nullopt;
  return std::pair(interval->low, interval->high);
}

Html scores_plot(const Group& group) {
  IntervalPlot plot{"Score with its 95 % interval", "", "score, %", percent, {}, {}};
  for (const auto& row : group.rows) {
    const auto& r = *row.row;
    if (!r.quality) continue;
    plot.rows.push_back({row.series, r.label, r.quality->value, ends(r.interval),
                         r.untrained ? std::vector<double>{} : r.seed_means, r.is_alone, !r.untrained});
  }
  if (plot.rows.empty()) return {};
  plot.reference = plot.rows.front().value;
  plot.description = "One line a row, the best first: " + plot.rows.front().label + " with " +
                     percent(plot.rows.front().value) +
                     " %. Small upright strokes are single seeds; the dashed line is the best mean; an "
                     "arrow at the edge stands for a value far outside.";
  return drawn(plot);
}

Html differences_plot(const Group& group) {
  const auto& comparison = group.comparison;
  if (!comparison.baseline) return {};
  const auto& baseline = comparison.rows[*comparison.baseline].label;
  IntervalPlot plot{"Difference to " + baseline, "", "difference, points", points, {}, 0.0};
  for (const auto& row : group.rows) {
    const auto& difference = row.row->difference;
    if (!difference) continue;
    const bool known = difference->estimate.variance() > 0.0;
    plot.rows.push_back({row.series,
                         row.row->label,
                         difference->estimate.value,
                         known ? ends(difference->interval) : std::nullopt,
                         {},
                         difference->adjusted_p <= 1.0 - compare::kConfidence,
                         !row.row->untrained});
  }
  if (plot.rows.empty()) return {};
  plot.description =
      "With its 95 % interval, paired item by item where answers are known. Bold names differ beyond chance, adjusted "
      "for the number of rows; the dashed line is no difference.";
  return drawn(plot);
}

Html forgetting_plot(const Group& group) {
  IntervalPlot plot{
      "Forgetting with its 95 % interval", "", "change of loss on other text, nats per token", nats, {}, 0.0};
  for (const auto& row : group.rows) {
    const auto& forgetting = row.row->forgetting;
    if (!forgetting || !std::isfinite(forgetting->value)) continue;
    std::optional<compare::Interval> interval;
    if (!forgetting->parts.empty()) interval = compare::symmetric_interval(*forgetting, compare::kConfidence);
    plot.rows.push_back({row.series, row.row->label, forgetting->value, ends(interval), {}, false});
  }
  if (plot.rows.empty()) return {};
  plot.description =
      "How much worse the tuned model predicts text that has nothing to do with the task, against the model as it was. "
      "To the right is worse; the dashed line is no change.";
  return drawn(plot);
}

/// Text by text, of the run that speaks for the row.
Html forgetting_table(const Group& group) {
  TableData data{"Change of loss text by text, nats per token", {"run"}, {}};
  for (const auto& row : group.rows) {
    const auto* texts = row.row->untrained ? nullptr : compare::find(row.record(), "results", "forgetting", "texts");
    if (texts == nullptr || !texts->is_array()) continue;
    data.rows.push_back({TableCell::of(row.shown_label())});
    for (const auto& text : *texts) {
      const auto kind = compare::text_at(text, "kind");
      auto at = std::find(data.headings.begin() + 1, data.headings.end(), kind);
      if (at == data.headings.end()) at = data.headings.insert(at, kind);
      const auto column = static_cast<size_t>(at - data.headings.begin());
      auto& cells = data.rows.back();
      while (cells.size() <= column) cells.push_back(TableCell::number("-"));
      const auto mean = compare::number_at(text, "loss_change_nats", "mean");
      const auto low = compare::number_at(text, "loss_change_nats", "low_95"),
                 high = compare::number_at(text, "loss_change_nats", "high_95");
      if (mean)
        cells[column] =
            TableCell::number(nats(*mean) + (low && high ? " [" + nats(*low) + ", " + nats(*high) + "]" : ""));
    }
  }
  if (data.rows.empty()) return {};
  for (auto& cells : data.rows) {
    while (cells.size() < data.headings.size()) cells.push_back(TableCell::number("-"));
  }
  return folded("forgetting text by text", table(data));
}

}  // namespace

Html intervals(const Group& group) {
  std::vector<Html> plots;
  for (auto plot : {scores_plot(group), differences_plot(group), forgetting_plot(group)}) {
    if (!plot.empty()) plots.push_back(std::move(plot));
  }
  if (plots.empty()) return {};
  return side_by_side(plots) + forgetting_table(group);
}

}  // namespace peftlab::page
