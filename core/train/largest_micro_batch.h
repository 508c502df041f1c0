// The micro-batch of a run that needs most memory.
#pragma once

#include <vector>

#include "core/model/batch.h"
#include "core/train/settings.h"

namespace peftlab::train {

/// Rows that these examples take in one forward pass.
int64_t num_rows_of(const std::vector<model::Sequence>& examples, bool share_beginning);

/// The examples of the first micro-batch, over all steps that a run with this seed makes, that takes most rows.
/// REQUIRES: at least one example.
std::vector<model::Sequence> largest_micro_batch(const std::vector<model::Sequence>& examples, const Settings& settings,
                                                 uint64_t seed, bool share_beginning);

}  // namespace peftlab::train
