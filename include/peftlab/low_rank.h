// The low-rank update of a frozen matrix, computed without building the (out, in) difference.
#pragma once

#include <torch/types.h>

#include "peftlab/points.h"

namespace peftlab {

/// What a plain low-rank update is made of: W + scale * up * down.
struct LowRankFactors {
  torch::Tensor down;  // (rank, in)
  torch::Tensor up;    // (out, rank)
  double scale = 1.0;
};

/// y = W x + bias + scale * up (down z), z = x or, with dropout, `dropped`: (..., in) -> (..., out).
/// The products are made in the type of x; gradients of the factors are in theirs. Keeps x (one tensor for all points that
/// share it) and down z, never W and never a copy of x.
/// Reference: Hu et al., 2021, section 4.1.
torch::Tensor low_rank_linear(const FrozenLinear& base, const torch::Tensor& x, const LowRankFactors& factors,
                              const torch::Tensor& dropped = {});

/// W + scale * up * down, computed in float32 (float64 for a float64 base): (out, in).
torch::Tensor low_rank_merged(const FrozenLinear& base, const LowRankFactors& factors);

}  // namespace peftlab
