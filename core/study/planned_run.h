// One run of many: what is to be run, where, and how far it is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/io/json.h"

namespace peftlab::study {

enum class RunState {
  missing,      // nothing is there
  interrupted,  // goes on from its last checkpoint
  failed,       // ended with a reason
  running,      // by another process
  finished,
};

struct PlannedRun {
  int64_t number = 0;                  // in the whole list, from 1
  std::string name;                    // of the experiment
  std::filesystem::path file;          // the experiment, absolute
  std::vector<std::string> overrides;  // for --set: "/train/learning_rate=1e-3"
  int64_t seed = 0;
  std::filesystem::path folder;
  std::string identity;
  io::Json record;  // what run.json says from the start; status and results are not in it
  RunState state = RunState::missing;
  std::string reason;  // why it failed
};

/// "finished", "running elsewhere" ...
const char* name_of(RunState state);

/// Looks into the run's folder: sets state and reason.
void look_at(PlannedRun& run);

/// Writes into run.json that the run failed, where the run could not do so itself. A run whose folder is in use is left
/// alone. Throws RunError where the disk refuses.
void record_failure(const PlannedRun& run, const std::string& reason);

}  // namespace peftlab::study
