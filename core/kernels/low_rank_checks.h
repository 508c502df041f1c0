// What low-rank products ask of their arguments.
#pragma once

#include "peftlab/low_rank.h"

namespace peftlab::kernels {

/// TORCH_CHECKs that x and the factors fit the matrix, naming it.
void check_low_rank(const FrozenLinear& base, const torch::Tensor& x, const LowRankFactors& factors);

}  // namespace peftlab::kernels
