// Methods side by side: what each reached, how sure that is, and which differences are more than chance.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/compare/crossed.h"
#include "core/compare/run.h"

namespace peftlab::compare {

inline constexpr double kConfidence = 0.95;
inline constexpr double kPower = 0.8;

struct ComparisonOptions {
  std::string baseline;  // name of a row; empty: the best row
  std::string split;     // empty: test, or else the one that most runs have
};

/// How a difference was tested.
enum class Test {
  crossed,   // over seeds and items, paired item by item
  mcnemar,   // one run against one run, right or wrong, exact
  unpaired,  // nothing is known item by item
};

struct Difference {
  Estimate estimate;  // this row - the other, share of 1
  Interval interval;  // 95 %
  Test test = Test::crossed;
  double p = 1.0;            // two-sided
  double adjusted_p = 1.0;   // for the number of rows compared
  bool seeds_known = false;  // whether the variance over seeds of both is in it
};

struct Row {
  std::string label;
  std::string method;
  bool untrained = false;                // the model as it was: there are no seeds
  std::vector<int64_t> seeds;            // of the runs that count, rising
  std::vector<double> seed_means;        // their scores
  Scores scores;                         // (seeds, items); empty where a run kept none
  int64_t num_items = 0;                 // 0: unknown
  std::optional<Estimate> quality;       // a mean of shares; nothing: see `problems`
  std::optional<Interval> interval;      // 95 %; nothing where not even the number of items is known
  std::optional<Difference> difference;  // to the baseline; nothing for the baseline itself
  bool is_baseline = false;
  bool is_best = false;                // the highest mean
  bool is_alone = false;               // the best, and better than every other beyond chance, seeds counted
  bool ties_with_best = false;         // cannot be told from the best
  std::optional<Estimate> forgetting;  // nats per token; parts empty where no interval is known
  Costs costs;                         // means over seeds; memory: the highest
  std::string base_kept_as;
  std::string machine;                // of its first run
  bool several_machines = false;      // its runs' times are no repetitions of each other
  std::vector<std::string> problems;  // one sentence a run that does not count
  std::vector<size_t> runs;           // its runs in Comparison::runs, whether they count or not, by rising seed

  /// Whether it has times that a machine made: not the model as it was, nor a record that could not be read.
  bool timed() const { return !untrained && (quality.has_value() || !machine.empty()); }
  /// Whether a mean over seeds can be spoken of.
  bool seeds_known() const { return untrained || seeds.size() > 1; }
};

struct Comparison {
  std::string split;
  std::vector<Row> rows;           // best first, those without a result last
  std::optional<size_t> baseline;  // index into rows
  bool baseline_chosen = false;    // by the user, not for being the best
  std::optional<double>
      detectable;  // median over the rows compared: the smallest difference found with 80 % power, one test
  std::optional<double> detectable_adjusted;                        // the same at the strictest level of the adjustment
  std::vector<std::pair<std::string, std::vector<size_t>>> fronts;  // Pareto: what it costs, and rows by rising cost
  std::vector<std::string> notes;                                   // what a reader must know, sentences
  std::vector<Run> runs;                                            // what the rows were made from
};

/// REQUIRES: the runs are alike (likeness.h) and none is there twice. Throws ConfigError where there is no run, the
/// baseline is no row of the table or has no result, or the split is not there.
Comparison compare(std::vector<Run> runs, const ComparisonOptions& options);

/// a - b. REQUIRES: both have a quality.
Difference difference_between(const Row& a, const Row& b);

}  // namespace peftlab::compare
