// All that a page shows: the comparisons, and what the runs behind them left in their folders.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/compare/comparison.h"
#include "core/compare/learning_curve.h"
#include "core/compare/likeness.h"
#include "core/io/json.h"

namespace peftlab::page {

/// One answer of a tuned model, and of the model as it was.
struct Answer {
  int64_t item = 0;
  std::string reference, text, base_text;
  double score = 0.0;
};

/// What training changed in one matrix (updates.json).
struct MatrixUpdate {
  std::string matrix;
  double weight_norm = 0.0, update_norm = 0.0;  // Frobenius
  std::vector<double> singular_values;          // the largest, falling
};

/// What stands behind a row of the table. Whatever a run lacks, or others broke, is absent.
struct RowMaterial {
  const compare::Row* row = nullptr;
  int series = 0;                              // hue, marker and dashes, the same in every plot
  std::vector<const compare::Run*> runs;       // of the row
  std::vector<io::Json> records;               // one a run; an empty object where it cannot be read
  std::vector<compare::LearningCurve> curves;  // of the runs that have one
  size_t shown = 0;                            // the run that speaks for the row where one must: its first that counts

  const io::Json& record() const { return records[shown]; }
  std::filesystem::path folder() const;
  /// "label, seed 0" where the row has several runs.
  std::string shown_label() const;
};

struct Group {
  compare::Comparison comparison;
  std::vector<RowMaterial> rows;  // one for each of the comparison's, in its order
};

struct Material {
  std::vector<Group> groups;                 // runs of different groups stand in no table together
  std::vector<compare::Disagreement> apart;  // what sets the groups apart
  std::vector<std::string> notes;            // on the runs found
};

/// Finds, groups and compares the runs. Throws ConfigError as compare::find_runs does, and as compare::compare does
/// where no group has the baseline or the split.
Material gather(const std::vector<std::filesystem::path>& paths, const compare::ComparisonOptions& options);

/// Nothing where there is none, or it is broken.
std::vector<MatrixUpdate> read_updates(const std::filesystem::path& folder);

/// The first `most` answers on a split, texts cut to `most_characters`; those before the first broken line.
std::vector<Answer> read_answers(const std::filesystem::path& folder, const std::string& split, size_t most,
                                 size_t most_characters);

}  // namespace peftlab::page
