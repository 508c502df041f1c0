#include "core/kernels/grouped_low_rank.h"

#include <torch/all.h>

namespace peftlab::kernels {

std::vector<torch::Tensor> grouped_low_rank(const torch::Tensor& x, const std::vector<LowRankPart>& parts) {
  std::vector<torch::Tensor> results;
  results.reserve(parts.size());
  for (const LowRankPart& part : parts) results.push_back(low_rank_linear(*part.base, x, part.factors));
  return results;
}

}  // namespace peftlab::kernels
