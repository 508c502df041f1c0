// How long a run is and which learning rate each step has.
#pragma once

#include <cstdint>

#include "core/train/settings.h"

namespace peftlab::train {

/// The run in numbers, known before the first step.
struct Plan {
  int64_t num_examples = 0;
  int64_t examples_per_step = 0;  // batch_size x gradient_accumulation; the last step of an epoch may have fewer
  int64_t steps_per_epoch = 0;
  int64_t num_steps = 0;
  int64_t warmup_steps = 0;

  /// Passes over the data after `step` steps.
  double epoch_after(int64_t step) const { return static_cast<double>(step) / static_cast<double>(steps_per_epoch); }
  /// Steps between events, at least 1; 0: never.
  int64_t interval(const Every& every) const;
};

/// REQUIRES: at least one example, exactly one of epochs and max_steps set.
Plan make_plan(const Settings& settings, int64_t num_examples);

/// Learning rate of step 1 .. num_steps, as Hugging Face's schedulers give it: the first step after `step - 1` have been
/// counted, so with warm-up the first step's rate is 0. Linear falls to 0 and cosine along half a wave after the warm-up.
double learning_rate_at(int64_t step, const Plan& plan, const Settings& settings);

}  // namespace peftlab::train
