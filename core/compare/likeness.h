// Which runs may stand in one table.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/compare/run.h"

namespace peftlab::compare {

/// One thing that should be equal, or is worth telling, and what it is in which runs.
struct Disagreement {
  std::string what;
  std::vector<std::pair<std::string, std::vector<std::string>>> values;  // value and the names of its runs
};

/// What of Run::must_agree is not equal, and the evaluation items where predictions show them. Runs whose record could
/// not be read say nothing and disagree with none.
std::vector<Disagreement> unlike(const std::vector<Run>& runs);

/// What of Run::circumstances is not equal.
std::vector<Disagreement> mixed(const std::vector<Run>& runs);

/// Throws ConfigError listing every difference if the runs are not alike.
void require_alike(const std::vector<Run>& runs);

/// Sets of runs that are alike, in the order of their first. Runs whose record could not be read stay with the first.
std::vector<std::vector<Run>> split_alike(std::vector<Run> runs);

/// "data: cbdb08a50621 (a, b), 77aa01c3f2d4 (c)"
std::string described(const Disagreement& disagreement);

}  // namespace peftlab::compare
