// What every method is held to, as a list.
#pragma once

#include <string>
#include <vector>

#include "core/check/finding.h"
#include "core/check/subject.h"

namespace peftlab::check {

struct Promise {
  const char* name;   // one word or two, for the report
  const char* about;  // one line: what holds
  /// The promise this one builds on: where that is broken, this one is not tried. nullptr: none.
  const char* needs;
  /// What a method throws here breaks the promise.
  Finding (*verify)(const Trial& trial);
};

/// In the order they are tried.
const std::vector<Promise>& promises();

// The base model and what is trained.
Finding keeps_the_base(const Trial& trial);
Finding counts_its_parameters(const Trial& trial);
Finding starts_as_declared(const Trial& trial);
Finding moves_every_tensor(const Trial& trial);
Finding follows_the_seed(const Trial& trial);
Finding has_right_gradients(const Trial& trial);

// What is kept: weights, states, adapters.
Finding merges(const Trial& trial);
Finding is_saved_and_read(const Trial& trial);
Finding resumes(const Trial& trial);
Finding exports_and_reads_back(const Trial& trial);

// Batches.
Finding treats_sequences_apart(const Trial& trial);
Finding accumulates(const Trial& trial);
Finding can_be_recomputed(const Trial& trial);

// Modes and types.
Finding trains_as_it_evaluates(const Trial& trial);
Finding can_be_switched_off(const Trial& trial);
Finding takes_bfloat16(const Trial& trial);

// Refusals.
Finding refuses_what_a_base_lacks(const Trial& trial);
Finding tells_wrong_options(const Trial& trial);

}  // namespace peftlab::check
