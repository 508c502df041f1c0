// Several low-rank linears of one input.
#pragma once

#include <torch/types.h>

#include <vector>

#include "peftlab/low_rank.h"

namespace peftlab::kernels {

/// One of the linears that share an input.
struct LowRankPart {
  const FrozenLinear* base;
  LowRankFactors factors;
};

/// What `low_rank_linear(*part.base, x, part.factors)` gives for each part, with one product of x and all `down` factors and
/// one gradient of x: x (..., in) -> one (..., out) for each part, in order. All parts have the same `in`.
std::vector<torch::Tensor> grouped_low_rank(const torch::Tensor& x, const std::vector<LowRankPart>& parts);

}  // namespace peftlab::kernels
