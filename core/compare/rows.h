// Runs gathered into the rows of a table.
#pragma once

#include <vector>

#include "core/compare/comparison.h"

namespace peftlab::compare {

/// One row for each setting, its seeds together, and one for the model as it was, for each way it was kept. Every run
/// is in a row: one without a score on `split` as a problem.
std::vector<Row> gather_rows(const std::vector<Run>& runs, const std::string& split);

/// The split to compare on: "test" where any run has it, else the one that most runs have. "" if none has any.
std::string choose_split(const std::vector<Run>& runs);

}  // namespace peftlab::compare
