// Where a training step's time and memory go.
#pragma once

#include <string>
#include <vector>

#include "core/lab/display.h"
#include "core/lab/experiment.h"
#include "core/train/operation_log.h"

namespace peftlab::lab {

struct ProfileRequest {
  Experiment experiment;
  int64_t num_warm_up = 3;  // steps before the log begins
  int64_t num_steps = 10;
};

/// All costs are sums over the steps.
struct Profile {
  std::string name;  // of the experiment
  int64_t seed = 0;
  int64_t num_steps = 0;
  double seconds = 0.0;  // of whole steps
  int64_t num_useful_tokens = 0;
  int64_t num_computed_tokens = 0;
  train::OperationCosts costs;
  std::string base_type;  // of the frozen weights
  io::Json machine;
};

/// Trains a few steps of the experiment and keeps nothing of them. Throws what a run would throw before it begins, and
/// ConfigError where the experiment has fewer steps than asked for.
Profile profile_experiment(const ProfileRequest& request, Display& display);

io::Json to_json(const Profile& profile);

}  // namespace peftlab::lab
