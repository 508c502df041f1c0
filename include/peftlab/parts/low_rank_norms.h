// The lengths of a low-rank update's rows, computed without the update.
#pragma once

#include <torch/types.h>

#include <functional>

#include "peftlab/low_rank.h"

namespace peftlab {

/// ||W + s B A|| of each row, by ||W||^2 + 2 s (W A') . B + s^2 (B A A') . B: no (out, in) matrix is built for it.
class LowRankNorms {
 public:
  /// `squares`: ||W||^2 of each row, (out).
  explicit LowRankNorms(torch::Tensor squares) : squares_(std::move(squares)) {}

  /// `cross` makes W A', (out, rank). Without a gradient. With `may_keep` the norms are made anew only when A or B has
  /// changed: generation asks for them at every token. A row of zeros has a norm just above zero. (out)
  torch::Tensor of(const LowRankFactors& update, const std::function<torch::Tensor()>& cross, bool may_keep) const;

 private:
  torch::Tensor squares_;
  mutable torch::Tensor kept_;   // (out), or undefined
  mutable int64_t kept_of_ = 0;  // the versions of A and B together
};

}  // namespace peftlab
