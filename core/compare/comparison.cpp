#include "core/compare/comparison.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/compare/holm.h"
#include "core/compare/mcnemar.h"
#include "core/compare/notes.h"
#include "core/compare/pareto.h"
#include "core/compare/rows.h"
#include "core/io/json.h"

namespace peftlab::compare {
namespace {

constexpr double kAlpha = 1.0 - kConfidence;

/// Best first; what has no result last, in the order it came.
void sort(std::vector<Row>& rows) {
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    if (a.quality.has_value() != b.quality.has_value()) return a.quality.has_value();
    return a.quality && a.quality->value > b.quality->value;
  });
}

size_t num_with_result(const std::vector<Row>& rows) {
  return static_cast<size_t>(
      std::count_if(rows.begin(), rows.end(), [](const Row& row) { return row.quality.has_value(); }));
}

size_t baseline_named(const std::vector<Row>& rows, const std::string& name) {
  std::vector<std::string> labels;
  std::vector<size_t> by_method;
  for (size_t i = 0; i < rows.size(); ++i) {
    labels.push_back(rows[i].label);
    if (rows[i].method == name) by_method.push_back(i);
  }
  const auto found = std::find(labels.begin(), labels.end(), name);
  size_t at = static_cast<size_t>(found - labels.begin());
  if (found == labels.end()) {
    if (by_method.size() != 1) {
      std::string list;
      for (const auto& label : labels) list += (list.empty() ? "" : ", ") + label;
      const auto near = io::nearest(name, labels);
      throw ConfigError(
          "--baseline " + name +
          (by_method.empty() ? ": no row of the table has this name" : ": several rows have this method") +
          (near.empty() ? "" : "; did you mean '" + near + "'?") + "; expected one of " + list);
    }
    at = by_method.front();
  }
  if (!rows[at].quality)
    throw ConfigError("--baseline " + name + ": this row has no result to compare with: " + rows[at].problems.front());
  return at;
}

/// Comparing with the row that came out best is comparing with any of them: for the statement to hold for whichever is
/// best in truth, each p is multiplied by their number.
void mark_best(std::vector<Row>& rows, size_t count) {
  if (count == 0) return;
  rows[0].is_best = true;
  bool alone = count > 1;
  for (size_t i = 1; i < count; ++i) {
    const auto difference = difference_between(rows[i], rows[0]);
    const double adjusted = difference.p * static_cast<double>(count - 1);
    rows[i].ties_with_best = !(adjusted <= kAlpha);
    alone = alone && adjusted <= kAlpha && difference.seeds_known;
  }
  rows[0].is_alone = alone;
}

void compare_with_baseline(Comparison& comparison, size_t count) {
  auto& rows = comparison.rows;
  const size_t base = *comparison.baseline;
  rows[base].is_baseline = true;
  std::vector<double> p_values;
  for (size_t i = 0; i < count; ++i) {
    if (i == base) continue;
    rows[i].difference = difference_between(rows[i], rows[base]);
    p_values.push_back(rows[i].difference->p);
  }
  auto adjusted = holm(p_values);
  if (!comparison.baseline_chosen) {
    for (size_t k = 0; k < adjusted.size(); ++k)
      adjusted[k] = std::min(1.0, p_values[k] * static_cast<double>(p_values.size()));
  }
  size_t next = 0;
  for (size_t i = 0; i < count; ++i) {
    if (rows[i].difference) rows[i].difference->adjusted_p = adjusted[next++];
  }
}

/// The median over the comparisons made.
std::optional<double> detectable(const std::vector<Row>& rows, double alpha) {
  std::vector<double> found;
  for (const auto& row : rows) {
    if (row.difference && !row.untrained && row.difference->estimate.variance() > 0.0)
      found.push_back(row.difference->estimate.detectable(alpha, kPower));
  }
  if (found.empty()) return std::nullopt;
  std::nth_element(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(found.size() / 2), found.end());
  return found[found.size() / 2];
}

bool one_machine(const std::vector<Row>& rows) {
  const std::string* machine = nullptr;
  for (const auto& row : rows) {
    if (!row.timed()) continue;
    if (row.several_machines || (machine != nullptr && *machine != row.machine)) return false;
    machine = &row.machine;
  }
  return true;
}

void add_fronts(Comparison& comparison) {
  using Cost = std::function<std::optional<double>(const Costs&)>;
  std::vector<std::pair<std::string, Cost>> costs = {
      {"trainable parameters",
       [](const Costs& c) { return c.num_trainable ? std::optional<double>(*c.num_trainable) : std::nullopt; }},
      {"adapter bytes",
       [](const Costs& c) { return c.adapter_bytes ? std::optional<double>(*c.adapter_bytes) : std::nullopt; }},
      {"peak memory", [](const Costs& c) {
         return c.peak_memory_bytes ? std::optional<double>(*c.peak_memory_bytes) : std::nullopt;
       }}};
  if (one_machine(comparison.rows))
    costs.emplace_back("training time", [](const Costs& c) { return c.training_seconds; });
  for (const auto& [name, cost] : costs) {
    std::vector<Point> points;
    for (const auto& row : comparison.rows) {
      const auto value = row.untrained ? std::nullopt : cost(row.costs);
      points.push_back({row.quality ? row.quality->value : NAN, value.value_or(NAN)});
    }
    if (auto front = pareto_front(points); !front.empty()) comparison.fronts.emplace_back(name, std::move(front));
  }
}

}  // namespace

Difference difference_between(const Row& a, const Row& b) {
  Difference result;
  result.seeds_known = a.seeds_known() && b.seeds_known();
  if (a.scores.size() > 0 && b.scores.size() > 0 && a.scores.cols() == b.scores.cols()) {
    const bool same_seeds = !a.untrained && !b.untrained && a.seeds == b.seeds;
    result.estimate = difference_of(a.scores, b.scores, same_seeds);
    result.p = result.estimate.p_value();
    // Every item says the same: what remains is the sign test over items.
    if (std::isnan(result.p)) result.p = std::ldexp(1.0, 1 - static_cast<int>(a.scores.cols()));
    if (a.scores.rows() == 1 && b.scores.rows() == 1) {
      if (const auto exact = mcnemar_p(a.scores, b.scores)) {
        result.test = Test::mcnemar;
        result.p = *exact;
      }
    }
  } else {
    result.test = Test::unpaired;
    result.estimate = unpaired_difference(*a.quality, *b.quality);
    // Without the number of items nothing is known of chance.
    result.p = a.num_items > 0 && b.num_items > 0 ? result.estimate.p_value() : NAN;
  }
  result.interval = symmetric_interval(result.estimate, kConfidence);
  result.adjusted_p = result.p;
  return result;
}

Comparison compare(std::vector<Run> runs, const ComparisonOptions& options) {
  if (runs.empty()) throw ConfigError("there is no run to compare");
  Comparison comparison;
  comparison.runs = std::move(runs);
  comparison.split = options.split.empty() ? choose_split(comparison.runs) : options.split;
  comparison.rows = gather_rows(comparison.runs, comparison.split);
  sort(comparison.rows);
  const size_t count = num_with_result(comparison.rows);
  if (!options.split.empty() && count == 0)
    throw ConfigError("--split " + options.split + ": no run was evaluated on it");
  if (!options.baseline.empty()) {
    comparison.baseline = baseline_named(comparison.rows, options.baseline);
    comparison.baseline_chosen = true;
  } else if (count > 0) {
    comparison.baseline = 0;
  }
  mark_best(comparison.rows, count);
  if (comparison.baseline) compare_with_baseline(comparison, count);
  const double tests = static_cast<double>(std::max<size_t>(1, count == 0 ? 0 : count - 1));
  comparison.detectable = detectable(comparison.rows, kAlpha);
  comparison.detectable_adjusted = detectable(comparison.rows, kAlpha / tests);
  add_fronts(comparison);
  comparison.notes = notes_on(comparison);
  return comparison;
}

}  // namespace peftlab::compare
