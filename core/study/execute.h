// Runs what a plan lacks, each run in a process of its own.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <vector>

#include "core/study/planned_run.h"

namespace peftlab::study {

struct ExecuteOptions {
  std::filesystem::path program;  // that knows `run`; empty: the one that is running
  int64_t at_once = 1;            // runs
  const std::atomic<bool>* stop = nullptr;
  bool quiet = false;
};

/// Processor threads that each run gets where several are done at once; 0: as many as it likes.
int64_t threads_each(int64_t at_once);

/// Runs every one that is not finished and not worked on elsewhere, in order, and sets state and reason of each.
/// Nothing that a run does ends the others; whatever ends it stands in its run.json. Progress goes to standard error.
/// Returns when all have ended or, after `stop`, when those that had begun have left a checkpoint.
void execute(std::vector<PlannedRun>& runs, const ExecuteOptions& options);

/// For callers that are tested without processes.
using Execute = std::function<void(std::vector<PlannedRun>&)>;

}  // namespace peftlab::study
