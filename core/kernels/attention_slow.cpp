#include <torch/types.h>
#include <torch/utils.h>

#include <limits>

#include "core/kernels/attention.h"
#include "core/kernels/attention_checks.h"
#include "core/kernels/types.h"

namespace peftlab::kernels {

torch::Tensor visible(const Layout& layout, int64_t window) {
  const int64_t num_rows = layout.positions.numel();
  const int64_t num_context = layout.context_positions.defined() ? layout.context_positions.numel() : 0;
  auto seen = torch::zeros({num_rows, num_context + num_rows}, torch::kBool);
  for (const Segment& segment : layout.segments) {
    auto rows = seen.slice(/*dim=*/0, segment.begin, segment.end);
    rows.slice(/*dim=*/1, 0, num_context).fill_(true);
    for (const Segment& above : ancestors(layout, segment)) {
      rows.slice(/*dim=*/1, num_context + above.begin, num_context + above.end).fill_(true);
    }
    const auto own = torch::ones({segment.size(), segment.size()}, torch::kBool).tril();
    rows.slice(/*dim=*/1, num_context + segment.begin, num_context + segment.end).copy_(own);
  }
  if (window == 0) return seen;
  auto keys = layout.positions.reshape({-1});
  if (num_context > 0) keys = torch::cat({layout.context_positions.reshape({-1}), keys});
  return seen.logical_and(layout.positions.reshape({-1, 1}) - window < keys);
}

namespace slow {

torch::Tensor attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                        const torch::Tensor& context_k, const torch::Tensor& context_v, const Layout& layout,
                        const AttentionOptions& options) {
  check_attention(q, k, v, context_k, context_v, layout, options);
  const auto type = sum_type(q.scalar_type());
  const int64_t group = q.size(1) / k.size(1);
  const auto heads_first = [&](const torch::Tensor& context, const torch::Tensor& own) {
    const auto all = context.defined() ? torch::cat({context, own}) : own;
    return all.to(type).repeat_interleave(group, /*dim=*/1).transpose(0, 1);  // (H, S + N, D)
  };
  const auto keys = heads_first(context_k, k);
  const auto values = heads_first(context_v, v);
  auto scores = torch::matmul(q.to(type).transpose(0, 1), keys.transpose(1, 2)) * options.scale;  // (H, N, S + N)
  if (options.softcap > 0) scores = (scores / options.softcap).tanh() * options.softcap;
  const auto hidden = visible(layout, options.window).logical_not().to(q.device());
  scores = scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
  return torch::matmul(scores.softmax(/*dim=*/-1), values).transpose(0, 1).to(q.scalar_type()).contiguous();
}

}  // namespace slow

}  // namespace peftlab::kernels
