// A search over settings: the same budget for every experiment, chosen on dev, tested once.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/study/execute.h"
#include "core/study/plan.h"
#include "core/study/sweep_file.h"

namespace peftlab::study {

/// One setting tried for a number of steps.
struct Trial {
  int64_t number = 0;  // of the setting, from 1, in its experiment
  Point settings;
  int64_t num_steps = 0;
  int64_t num_examples = 0;  // seen in so many steps
  PlannedRun run;
  std::optional<double> score;  // on dev; nothing for one that failed
  double seconds = 0.0;
};

/// What became of one experiment.
struct SearchOutcome {
  const Searched* experiment = nullptr;
  std::vector<std::vector<Trial>> rungs;  // one where the search has none
  std::optional<Trial> chosen;
  std::string why;  // of the choice, or that there is none
};

struct SweepRequest {
  SweepFile file;
  std::filesystem::path folder;  // of the sweep; empty: sweeps/<name> in the working folder
  Shard shard;
  std::optional<int64_t> num_seeds;  // of the final runs; nothing: those that each experiment names
  bool final_runs = true;            // train the chosen settings and test them
  bool retry = false;                // trials that failed
  bool dry_run = false;              // plan the first rung and write nothing
};

struct SweepResult {
  std::filesystem::path folder;
  std::vector<SearchOutcome> searched;  // REQUIRES the request's file to live as long
  std::vector<PlannedRun> final_runs;
  bool searched_all = false;  // every trial has ended and the choice is made
  std::vector<std::string> notes;
};

/// Does what is missing, first the trials, rung by rung, which see neither the test split nor other lengths than the
/// budget's, then the chosen settings with the experiment's own length and evaluation, once a seed. After each part
/// <folder>/sweep.json holds every trial and choice. Trials that ended, failed ones too, are not done again unless
/// `retry`. Throws ConfigError with all mistakes of all trials before the first begins, for a folder that holds another
/// sweep, and for `retry` after the test split was looked at.
SweepResult run_sweep(const SweepRequest& request, const Execute& execute);

}  // namespace peftlab::study
