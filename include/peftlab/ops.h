// Small operations that methods share.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string_view>

namespace peftlab {

/// A number that differs from name to name, to tell the dropout of one point from another's.
uint64_t salt_of(std::string_view name);

/// x with each element zeroed with probability p and the rest scaled by 1 / (1 - p). The mask is a function of the run's
/// seed, the step, the micro-batch and `salt`, so that a recomputation draws the same one and nothing is kept for it.
torch::Tensor dropout(const torch::Tensor& x, double p, uint64_t salt);

/// x as a number that the algorithm holds fixed: no gradient flows through it, and gradient checks hold it fixed too.
torch::Tensor constant(const torch::Tensor& x);

}  // namespace peftlab
