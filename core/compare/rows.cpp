#include "core/compare/rows.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "core/compare/labels.h"

namespace peftlab::compare {
namespace {

constexpr double kUnknownDegrees = 1e9;  // of freedom: where it is not recorded how many windows a text had

/// Why a run does not count on a split; empty where it does.
std::string problem_of(const Run& run, const std::string& split) {
  if (!run.problem.empty()) return run.problem;
  const auto found = run.splits.find(split);
  if (found == run.splits.end()) return "was not evaluated on " + split;
  if (!std::isfinite(found->second.mean)) return "its score on " + split + " is not a number";
  if (found->second.mean < 0.0 || found->second.mean > 1.0) return "its score on " + split + " is outside 0 to 1";
  for (const double score : found->second.item_scores) {
    if (!(score >= 0.0 && score <= 1.0)) return "a score of an item on " + split + " is not a number from 0 to 1";
  }
  return "";
}

std::string named(const Run& run, const std::string& problem) {
  return (run.seed ? "seed " + std::to_string(*run.seed) + ": " : "") + problem;
}

/// The mean of what is known; nothing where a run lacks it, so that no mean is over other runs than it seems.
template <typename T, typename Member>
std::optional<T> mean_over(const std::vector<const Run*>& runs, Member member) {
  double sum = 0.0;
  for (const auto* run : runs) {
    const auto& value = run->costs.*member;
    if (!value) return std::nullopt;
    sum += static_cast<double>(*value);
  }
  if (runs.empty()) return std::nullopt;
  return static_cast<T>(sum / static_cast<double>(runs.size()));
}

Costs costs_of(const std::vector<const Run*>& runs) {
  Costs costs;
  costs.num_trainable = mean_over<int64_t>(runs, &Costs::num_trainable);
  costs.adapter_bytes = mean_over<int64_t>(runs, &Costs::adapter_bytes);
  costs.training_seconds = mean_over<double>(runs, &Costs::training_seconds);
  costs.useful_tokens_per_second = mean_over<double>(runs, &Costs::useful_tokens_per_second);
  for (const auto* run : runs) {
    const auto peak = run->costs.peak_memory_bytes;
    if (!peak || *peak < costs.peak_memory_bytes.value_or(0)) continue;
    costs.peak_memory_bytes = peak;
    costs.memory = run->costs.memory;
  }
  return costs;
}

/// The runs share their texts, so more seeds do not make the texts' part smaller.
std::optional<Estimate> forgetting_of(const std::vector<const Run*>& runs) {
  if (runs.empty()) return std::nullopt;
  Eigen::VectorXd means(static_cast<Eigen::Index>(runs.size()));
  double texts = 0.0, degrees = kUnknownDegrees;
  bool intervals = true;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (!runs[i]->forgetting) return std::nullopt;
    const auto& f = *runs[i]->forgetting;
    means[static_cast<Eigen::Index>(i)] = f.mean;
    intervals = intervals && f.low && f.high;
    if (!intervals) continue;
    // The interval is Student's over the windows: divided by its quantile it gives their variance back.
    degrees = f.num_windows > 1 ? static_cast<double>(f.num_windows - 1) : kUnknownDegrees;
    const double quantile = Estimate{0.0, {{1.0, degrees}}}.half_width(kConfidence);
    texts += std::pow((*f.high - *f.low) / 2.0 / quantile, 2) / static_cast<double>(runs.size());
  }
  Estimate estimate{means.mean(), {}};
  if (!intervals) return estimate;
  estimate.parts.push_back({texts, degrees});
  const double n = static_cast<double>(means.size());
  if (n > 1) estimate.parts.push_back({(means.array() - means.mean()).square().sum() / (n - 1.0) / n, n - 1.0});
  return estimate;
}

void set_quality(Row& row, const std::vector<const SplitScore*>& scores) {
  row.num_items = scores.front()->num_items;
  bool by_item = true;
  for (const auto* score : scores) {
    row.seed_means.push_back(score->mean);
    by_item =
        by_item && score->item_scores.size() > 1 && score->item_scores.size() == scores.front()->item_scores.size();
    if (score->num_items != row.num_items) row.num_items = 0;
  }
  if (by_item) {
    row.scores.resize(static_cast<Eigen::Index>(scores.size()),
                      static_cast<Eigen::Index>(scores.front()->item_scores.size()));
    for (size_t s = 0; s < scores.size(); ++s) {
      row.scores.row(static_cast<Eigen::Index>(s)) =
          Eigen::Map<const Eigen::RowVectorXd>(scores[s]->item_scores.data(), row.scores.cols());
    }
    row.quality = mean_of(row.scores);
  } else {
    const Eigen::VectorXd means =
        Eigen::Map<const Eigen::VectorXd>(row.seed_means.data(), static_cast<Eigen::Index>(row.seed_means.size()));
    row.quality = row.num_items > 0 ? mean_of_means(means, row.num_items) : Estimate{means.mean(), {}};
  }
  if (row.num_items > 0) row.interval = share_interval(*row.quality, row.num_items, kConfidence);
}

/// REQUIRES: by rising seed.
Row row_of(const std::string& label, const std::vector<const Run*>& runs, const std::string& split) {
  Row row;
  row.label = label;
  row.method = runs.front()->method;
  row.base_kept_as = runs.front()->base_kept_as;
  std::vector<const Run*> counted;
  std::vector<const SplitScore*> scores;
  for (const auto* run : runs) {
    if (auto problem = problem_of(*run, split); !problem.empty()) {
      row.problems.push_back(named(*run, problem));
      continue;
    }
    counted.push_back(run);
    scores.push_back(&run->splits.at(split));
    row.seeds.push_back(run->seed.value_or(-1));
  }
  if (!scores.empty()) set_quality(row, scores);
  row.costs = costs_of(counted.empty() ? runs : counted);
  row.forgetting = forgetting_of(counted);
  row.machine = runs.front()->machine;
  for (const auto* run : runs) {
    row.several_machines = row.several_machines || run->machine != row.machine;
  }
  return row;
}

/// The model as it was answers alike whoever asks: the first run that asked it tells.
std::vector<Row> untrained_rows(const std::vector<Run>& runs, const std::string& split) {
  std::map<std::string, const Run*> by_kind;
  for (const auto& run : runs) {
    const auto found = run.base_splits.find(split);
    if (found != run.base_splits.end() && std::isfinite(found->second.mean))
      by_kind.try_emplace(run.base_kept_as, &run);
  }
  std::vector<Row> rows;
  for (const auto& [kind, run] : by_kind) {
    Row row;
    row.label = by_kind.size() > 1 ? "base (" + kind + ")" : "base";
    row.untrained = true;
    row.base_kept_as = kind;
    row.costs.num_trainable = 0;
    set_quality(row, {&run->base_splits.at(split)});
    row.runs = {static_cast<size_t>(run - runs.data())};
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

std::string choose_split(const std::vector<Run>& runs) {
  std::map<std::string, size_t> counts;
  for (const auto& run : runs) {
    for (const auto& [split, score] : run.splits) ++counts[split];
  }
  if (counts.contains("test")) return "test";
  const auto most =
      std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? "" : most->first;
}

std::vector<Row> gather_rows(const std::vector<Run>& runs, const std::string& split) {
  std::unordered_map<std::string, size_t> places;
  std::vector<std::vector<const Run*>> groups;
  for (const auto& run : runs) {
    // A record that could not be read is repeated by none.
    const std::string key = run.settings.empty() ? "unknown\n" + run.source.string() : run.name + "\n" + run.settings;
    const auto [place, is_new] = places.try_emplace(key, groups.size());
    if (is_new) groups.emplace_back();
    groups[place->second].push_back(&run);
  }
  std::vector<const Run*> first;
  for (const auto& group : groups) first.push_back(group.front());
  const auto labels = labels_of(first);
  auto rows = untrained_rows(runs, split);
  for (size_t i = 0; i < groups.size(); ++i) {
    // By seed, as the row has them.
    std::stable_sort(groups[i].begin(), groups[i].end(), [](const Run* a, const Run* b) { return a->seed < b->seed; });
    rows.push_back(row_of(labels[i], groups[i], split));
    for (const auto* run : groups[i]) rows.back().runs.push_back(static_cast<size_t>(run - runs.data()));
  }
  return rows;
}

}  // namespace peftlab::compare
