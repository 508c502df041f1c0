// Orthogonal matrices from trained numbers, by Cayley's transform of skew-symmetric matrices. All return R - I rather
// than R: beside the ones of I a short type would lose it.
#pragma once

#include <torch/nn/module.h>
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

/// x (..., in) with each block of b inputs times I + change: `change` (blocks, b, b), or (1, b, b) for all blocks. In
/// the type of x.
torch::Tensor rotate_blocks(const torch::Tensor& x, const torch::Tensor& change);

/// How a BlockRotation makes R from what is trained.
struct RotationForm {
  bool series = true;        // instead of the inverse
  int64_t num_terms = 5;     // of the series
  bool constrained = false;  // COFT: Q is kept small
  double eps = 6e-5;         // its norm's bound, times the root of the number of blocks
};

/// A block-diagonal rotation: the parameter `weight`, (blocks, b (b - 1) / 2), holds U row by row.
class BlockRotation final : public torch::nn::Module {
 public:
  BlockRotation(torch::Tensor weight, int64_t block, const RotationForm& form);

  /// R - I: (blocks, b, b). The gradient does not see that a constrained U is scaled, as in PEFT.
  torch::Tensor change() const;
  /// Brings the weights themselves within the bound, where there is one.
  void keep_bound();

 private:
  torch::Tensor bounded() const;

  torch::Tensor weight_;
  int64_t block_;  // b
  RotationForm form_;
};

}  // namespace peftlab
