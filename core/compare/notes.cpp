#include "core/compare/notes.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "core/compare/likeness.h"

namespace peftlab::compare {
namespace {

constexpr size_t kNamed = 6;

std::string points(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", 100.0 * share);
  return text;
}

std::string listed(const std::vector<std::string>& names, size_t most = kNamed) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), most); ++i) text += (i ? ", " : "") + names[i];
  if (names.size() > most) text += " and " + std::to_string(names.size() - most) + " more";
  return text;
}

std::vector<std::string> labels_where(const Comparison& c, bool (*holds)(const Row&)) {
  std::vector<std::string> labels;
  for (const auto& row : c.rows) {
    if (row.quality && holds(row)) labels.push_back(row.label);
  }
  return labels;
}

size_t num_with_result(const Comparison& c) {
  return labels_where(c, [](const Row&) { return true; }).size();
}

void on_seeds(const Comparison& c, std::vector<std::string>& notes) {
  const auto one = labels_where(c, [](const Row& row) { return !row.seeds_known(); });
  const auto two = labels_where(c, [](const Row& row) { return !row.untrained && row.seeds.size() == 2; });
  if (!one.empty()) {
    const bool all = one.size() == labels_where(c, [](const Row& row) { return !row.untrained; }).size();
    notes.push_back((all ? std::string("one seed each") : "one seed only (" + listed(one) + ")") +
                    ": no interval over seeds can be given. These intervals and p are over items alone: they say "
                    "whether these runs differ, not "
                    "whether the methods would with other seeds. Run at least 3 seeds");
  }
  if (!two.empty())
    notes.push_back("two seeds only (" + listed(two) +
                    "): the variance over seeds is hardly known, which makes the intervals wide");
}

void on_differences(const Comparison& c, std::vector<std::string>& notes) {
  if (!c.baseline || num_with_result(c) < 2) return;
  const auto tied = labels_where(c, [](const Row& row) { return row.ties_with_best; });
  const auto& best = c.rows.front().label;
  if (tied.empty()) {
    notes.push_back(best + " is better than every other row beyond chance" +
                    (c.rows.front().is_alone ? "" : " over items"));
  } else {
    notes.push_back(listed(tied) + " cannot be told from " + best + ", the best, at 5 %");
  }
  std::vector<std::string> real;
  for (const auto& row : c.rows) {
    if (row.difference && row.difference->adjusted_p <= 1.0 - kConfidence) real.push_back(row.label);
  }
  notes.push_back(
      (real.empty() ? std::string("no row differs")
                    : std::to_string(real.size()) + " of " + std::to_string(num_with_result(c) - 1) + " rows differ") +
      " from " + c.rows[*c.baseline].label + " beyond chance at 5 %: " + (real.empty() ? "none" : listed(real)) + ". " +
      test_named(c));
  if (c.detectable && c.detectable_adjusted) {
    notes.push_back("with 80 % power this table finds differences of " + points(*c.detectable) +
                    " points in one comparison, and of " + points(*c.detectable_adjusted) +
                    " at the strictest level of the adjustment; smaller ones may be there unseen");
  }
}

void on_items(const Comparison& c, std::vector<std::string>& notes) {
  const auto unknown = labels_where(c, [](const Row& row) { return row.scores.size() == 0 && row.num_items > 0; });
  if (!unknown.empty()) {
    notes.push_back("no answers are kept item by item (" + listed(unknown) +
                    "): their differences are tested unpaired, which finds less");
  }
  const auto uncounted = labels_where(c, [](const Row& row) { return row.num_items == 0; });
  if (!uncounted.empty())
    notes.push_back("the number of items is not recorded (" + listed(uncounted) + "): there is no interval and no p");
}

void on_failures(const Comparison& c, std::vector<std::string>& notes) {
  std::vector<std::string> rows;
  for (const auto& row : c.rows) {
    if (!row.problems.empty() && row.quality) rows.push_back(row.label + ", " + row.problems.front());
  }
  if (num_with_result(c) == 0) {
    notes.push_back("no run has a result: each row says why");
  } else if (!rows.empty()) {
    notes.push_back("left out of their rows: " + listed(rows));
  }
}

void on_mixture(const Comparison& c, std::vector<std::string>& notes) {
  std::set<std::string> machines;
  for (const auto& run : c.runs) {
    if (!run.machine.empty()) machines.insert(run.machine);
  }
  if (machines.size() > 1)
    notes.push_back("runs on " + std::to_string(machines.size()) +
                    " machines: times and speeds are not compared across them");
  for (const auto& disagreement : mixed(c.runs)) notes.push_back("mixed " + described(disagreement));
}

void on_warnings(const Comparison& c, std::vector<std::string>& notes) {
  std::vector<std::string> warnings;
  for (const auto& run : c.runs) {
    for (const auto& warning : run.warnings) warnings.push_back(run.source.string() + ": " + warning);
  }
  if (!warnings.empty()) notes.push_back(listed(warnings, /*most=*/3));
}

void on_fronts(const Comparison& c, std::vector<std::string>& notes) {
  for (const auto& [cost, rows] : c.fronts) {
    std::vector<std::string> labels;
    for (const size_t i : rows) labels.push_back(c.rows[i].label);
    notes.push_back("Pareto front of quality against " + cost + ": " + listed(labels, /*most=*/12));
  }
}

}  // namespace

std::string test_named(const Comparison& comparison) {
  bool crossed = false, exact = false, unpaired = false;
  for (const auto& row : comparison.rows) {
    if (!row.difference) continue;
    crossed = crossed || row.difference->test == Test::crossed;
    exact = exact || row.difference->test == Test::mcnemar;
    unpaired = unpaired || row.difference->test == Test::unpaired;
  }
  std::string text;
  const auto add = [&](bool used, const char* name) {
    if (used) text += (text.empty() ? "p: " : "; ") + std::string(name);
  };
  add(crossed, "paired, over seeds and items");
  add(exact, "exact McNemar for one run against one run");
  add(unpaired, "unpaired, over items");
  return text + (comparison.baseline_chosen
                     ? "; adjusted after Holm"
                     : "; times the number of comparisons, for the best was chosen by its result");
}

std::vector<std::string> notes_on(const Comparison& comparison) {
  std::vector<std::string> notes;
  on_failures(comparison, notes);
  on_seeds(comparison, notes);
  on_differences(comparison, notes);
  on_items(comparison, notes);
  on_mixture(comparison, notes);
  on_warnings(comparison, notes);
  on_fronts(comparison, notes);
  return notes;
}

}  // namespace peftlab::compare
