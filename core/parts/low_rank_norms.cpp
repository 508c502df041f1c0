#include "peftlab/parts/low_rank_norms.h"

#include <torch/types.h>
#include <torch/utils.h>

namespace peftlab {

torch::Tensor LowRankNorms::of(const LowRankFactors& update, const std::function<torch::Tensor()>& cross,
                               bool may_keep) const {
  const int64_t version = update.down._version() + update.up._version();
  if (may_keep && kept_.defined() && kept_of_ == version) return kept_;
  const torch::NoGradGuard no_grad;
  const auto& [down, up, scale] = update;
  const auto inner = 2.0 * cross().to(up.scalar_type()) + scale * up.matmul(down.matmul(down.t()));  // (out, rank)
  // A row of zeros has no direction: with a norm above zero it stays zero.
  const auto made = (squares_ + scale * (inner * up).sum(1)).clamp_min(1e-30).sqrt();
  kept_ = may_keep ? made : torch::Tensor();
  kept_of_ = version;
  return made;
}

}  // namespace peftlab
