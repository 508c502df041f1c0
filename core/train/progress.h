// Where a run stands: all that a checkpoint keeps beside tensors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/io/json.h"

namespace peftlab::train {

struct Progress {
  int64_t step = 0;  // optimizer steps done
  int64_t num_useful = 0;
  int64_t num_computed = 0;
  int64_t num_labels = 0;
  int64_t num_skipped = 0;  // steps left out because a loss or gradient was not finite
  int64_t num_jumps = 0;    // sudden jumps of the loss
  double train_seconds = 0.0;
  double evaluation_seconds = 0.0;
  double first_step_seconds = 0.0;
  std::vector<double> recent_losses;       // the newest, for noticing a jump
  std::optional<double> best_value;
  int64_t best_step = 0;
  int64_t evaluations_without_gain = 0;

  io::Json to_json() const;
  /// Throws ConfigError "<where>: ..." when a value is missing or of another type.
  static Progress from_json(const io::Json& json, const std::string& where);
};

}  // namespace peftlab::train
