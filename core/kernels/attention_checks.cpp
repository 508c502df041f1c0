#include "core/kernels/attention_checks.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>

namespace peftlab::kernels {

namespace {

void check_layout(const Layout& layout, int64_t num_rows, int64_t num_context) {
  int64_t next = 0;
  for (size_t i = 0; i < layout.segments.size(); ++i) {
    const Segment& segment = layout.segments[i];
    TORCH_CHECK(segment.begin == next && segment.end >= next, "attention: segment ", i, " is [", segment.begin, ", ",
                segment.end, "), but the one before ends at ", next);
    TORCH_CHECK(segment.parent >= -1 && segment.parent < static_cast<int64_t>(i), "attention: segment ", i, " has parent ",
                segment.parent, ", expected an earlier segment or -1");
    next = segment.end;
  }
  TORCH_CHECK(next == num_rows, "attention: the segments end at row ", next, ", but there are ", num_rows, " rows");
  const auto& at = layout.positions;
  TORCH_CHECK(at.defined() && at.device().is_cpu() && at.scalar_type() == torch::kInt64 && at.numel() == num_rows,
              "attention: positions must be ", num_rows, " int64 on the CPU");
  const auto& context = layout.context_positions;
  TORCH_CHECK(num_context == 0 || (context.defined() && context.device().is_cpu() &&
                                   context.scalar_type() == torch::kInt64 && context.numel() == num_context),
              "attention: context_positions must be ", num_context, " int64 on the CPU");
}

}  // namespace

void check_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v, const torch::Tensor& context_k,
                     const torch::Tensor& context_v, const Layout& layout, const AttentionOptions& options) {
  TORCH_CHECK(q.dim() == 3 && k.dim() == 3 && k.sizes() == v.sizes() && k.size(0) == q.size(0) && k.size(2) == q.size(2) &&
                  k.size(1) > 0 && q.size(1) % k.size(1) == 0,
              "attention: q (N, H, D) needs k and v (N, K, D) with H a multiple of K, got ", q.sizes(), ", ", k.sizes(), " and ",
              v.sizes());
  TORCH_CHECK(k.scalar_type() == q.scalar_type() && v.scalar_type() == q.scalar_type(), "attention: q, k and v are ",
              q.scalar_type(), ", ", k.scalar_type(), " and ", v.scalar_type(), ", expected one type");
  TORCH_CHECK(context_k.defined() == context_v.defined(), "attention: context_k and context_v come together");
  if (context_k.defined()) {
    TORCH_CHECK(context_k.dim() == 3 && context_k.sizes() == context_v.sizes() && context_k.size(1) == k.size(1) &&
                    context_k.size(2) == k.size(2) && context_k.scalar_type() == q.scalar_type() &&
                    context_v.scalar_type() == q.scalar_type(),
                "attention: context of ", context_k.sizes(), " ", context_k.scalar_type(), " and ", context_v.sizes(), " ",
                context_v.scalar_type(), " does not fit keys of ", k.sizes(), " ", k.scalar_type());
  }
  TORCH_CHECK(options.window >= 0 && options.softcap >= 0, "attention: window ", options.window, " and softcap ",
              options.softcap, " must not be negative");
  check_layout(layout, q.size(0), context_k.defined() ? context_k.size(0) : 0);
}

std::vector<Segment> ancestors(const Layout& layout, const Segment& segment) {
  std::vector<Segment> path;
  for (int64_t i = segment.parent; i >= 0; i = layout.segments[i].parent) path.push_back(layout.segments[i]);
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace peftlab::kernels
