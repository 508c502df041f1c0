// From what stands on the command line to runs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/compare/run.h"

namespace peftlab::compare {

struct FoundRuns {
  std::vector<Run> runs;           // in the order of the paths, each folder's by name
  std::vector<std::string> notes;  // runs that stand there twice
};

/// Each path is a run's folder, a folder that is searched for such, or a record's file. A run that is there twice is
/// read once; of several finished or failed records of one and the same run the newest finished one counts, and a note
/// names the others. Throws ConfigError for a path that does not exist and where there is no run at all.
FoundRuns find_runs(const std::vector<std::filesystem::path>& paths);

/// Leaves one of each set of records of the same run.
FoundRuns without_repeats(std::vector<Run> runs);

}  // namespace peftlab::compare
