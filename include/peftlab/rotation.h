// Orthogonal matrices from trained numbers, by Cayley's transform of skew-symmetric matrices. All return R - I rather
// than R: beside the ones of I a short type would lose it.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace peftlab {

/// U - U' for strictly upper triangular U of size b, given row by row: (n, b (b - 1) / 2) -> (n, b, b).
torch::Tensor skew_symmetric(const torch::Tensor& upper, int64_t b);

/// (I - Q)(I + Q)^-1 - I for each skew-symmetric Q: (n, b, b) -> (n, b, b).
torch::Tensor cayley(const torch::Tensor& q);

/// (I + Q)(I - Q)^-1 - I, that is the inverse rotation, by its series cut after `terms` >= 2 terms, I included, as PEFT
/// cuts it: 2Q + 2Q^2 + ... with the last term once, and 4 terms meaning the same as 3. Qiu et al., 2025,
/// https://arxiv.org/abs/2506.19847, section 3.3.
torch::Tensor cayley_series(const torch::Tensor& q, int64_t terms);

/// U scaled back where the norm |U - U'| of a matrix is above `most`: (n, b (b - 1) / 2), given row by row as above.
/// What was scaled once is not scaled again for a rounding's sake.
torch::Tensor within_norm(const torch::Tensor& upper, double most);

/// The divisor of `size` nearest to `wanted`, the smaller of two equally near; `size` itself where `wanted` is larger.
/// So PEFT chooses block sizes.
int64_t nearest_divisor(int64_t size, int64_t wanted);

/// x (..., in) with each block of b inputs times I + change: `change` (blocks, b, b), or (1, b, b) for all blocks. In
/// the type of x.
torch::Tensor rotate_blocks(const torch::Tensor& x, const torch::Tensor& change);

}  // namespace peftlab
