// Trees of segments for the tests of attention.
#pragma once

#include <torch/types.h>
#include <torch/utils.h>

#include <string>
#include <vector>

#include "core/kernels/attention.h"
#include "core/kernels/attention_checks.h"

namespace peftlab::test {

struct SegmentSize {
  int64_t tokens;
  int64_t parent = -1;
};

/// Segments one after the other, positions counted from `num_context` on.
inline kernels::Layout layout_of(const std::vector<SegmentSize>& sizes, int64_t num_context = 0) {
  kernels::Layout layout;
  std::vector<int64_t> positions, ends;
  int64_t row = 0;
  for (const auto& [tokens, parent] : sizes) {
    layout.segments.push_back({row, row + tokens, parent});
    int64_t at = parent < 0 ? num_context : ends[parent];
    for (int64_t i = 0; i < tokens; ++i) positions.push_back(at++);
    ends.push_back(at);
    row += tokens;
  }
  layout.positions = torch::tensor(positions, torch::kInt64);
  if (num_context > 0) layout.context_positions = torch::arange(num_context);
  return layout;
}

struct AttentionInputs {
  torch::Tensor q, k, v, context_k, context_v;
  std::vector<torch::Tensor> all() const { return {q, k, v, context_k, context_v}; }
};

inline AttentionInputs random_inputs(const kernels::Layout& layout, int64_t heads, int64_t kv_heads, int64_t width,
                                     torch::ScalarType type) {
  const auto make = [&](int64_t rows, int64_t n) {
    return torch::randn({rows, n, width}, torch::kFloat64).to(type).requires_grad_(true);
  };
  const int64_t rows = layout.positions.numel();
  AttentionInputs inputs{make(rows, heads), make(rows, kv_heads), make(rows, kv_heads), {}, {}};
  if (layout.context_positions.defined()) {
    inputs.context_k = make(layout.context_positions.numel(), kv_heads);
    inputs.context_v = make(layout.context_positions.numel(), kv_heads);
  }
  return inputs;
}

}  // namespace peftlab::test
