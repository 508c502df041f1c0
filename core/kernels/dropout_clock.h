// What the masks of `peftlab::dropout` are drawn from.
#pragma once

#include <cstdint>

namespace peftlab::kernels {

/// To be called before each micro-batch. Holds for the whole process, so that whatever thread recomputes a forward draws the
/// same masks.
void set_dropout_clock(uint64_t seed, int64_t step, int64_t micro_batch);

/// A number made of the clock and `salt`; masks of equal keys are equal.
uint64_t dropout_key(uint64_t salt);

/// How many masks were drawn in this process: tells whether a forward pass used dropout.
uint64_t num_dropout_draws();

/// While one lives, `peftlab::dropout` returns what it is given: what training does beside it can then be compared.
class DropoutOff {
 public:
  DropoutOff();
  ~DropoutOff();
  DropoutOff(const DropoutOff&) = delete;
  DropoutOff& operator=(const DropoutOff&) = delete;
};

bool dropout_is_off();

}  // namespace peftlab::kernels
