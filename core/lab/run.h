// One experiment from start to finish: data, base model, training, evaluation, record.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>

#include "core/lab/display.h"
#include "core/lab/experiment.h"

namespace peftlab::lab {

/// Raised when the same inputs give other results: runs of different versions are never compared.
inline constexpr int kResultVersion = 6;

enum class RunStatus { finished, already_finished, interrupted };

struct RunResult {
  RunStatus status = RunStatus::finished;
  std::filesystem::path folder;
  io::Json record;  // run.json
};

struct RunRequest {
  Experiment experiment;
  std::filesystem::path out;                // the run's folder; empty: runs/<name>/<seed and identity> in the working folder
  const std::atomic<bool>* stop = nullptr;  // set by a signal
};

/// Runs, resumes, or shows what is there. Throws ConfigError for what the user can mend and RunError for what failed; in the
/// second case the folder's run.json holds the reason.
RunResult run_experiment(const RunRequest& request, Display& display);

/// What would be done, as lines of text: everything is checked, nothing heavy is loaded.
std::string describe_run(Experiment experiment);

}  // namespace peftlab::lab
