// Which examples each step trains on.
#pragma once

#include <cstdint>
#include <vector>

#include "core/train/schedule.h"

namespace peftlab::train {

/// Every epoch is a shuffle of all examples that is a function of seed and epoch alone, cut into steps; the last step of an
/// epoch may be shorter. Equal for all methods with the same seed, and known at once for any step, so resuming needs no replay.
class Order {
 public:
  Order(uint64_t seed, const Plan& plan) : seed_(seed), plan_(plan) {}

  /// Examples of step 1 .. num_steps.
  std::vector<size_t> of_step(int64_t step);

 private:
  uint64_t seed_;
  Plan plan_;
  int64_t epoch_ = -1;
  std::vector<size_t> shuffled_;  // of `epoch_`
};

}  // namespace peftlab::train
