// predictions.jsonl: the score of every item.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "core/compare/run.h"

namespace peftlab::compare {

struct Predictions {
  std::map<std::string, SplitScore> tuned;
  std::map<std::string, SplitScore> base;  // empty where the base model was not asked
};

/// Throws ConfigError "<file>:<line>: ..." for a line that is no prediction, a score outside [0, 1], or items out of
/// order.
Predictions read_predictions(const std::filesystem::path& file);

}  // namespace peftlab::compare
