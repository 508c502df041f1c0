// What attention asks of its arguments.
#pragma once

#include "core/kernels/attention.h"

namespace peftlab::kernels {

/// TORCH_CHECKs shapes, types and devices of the arguments of `attention` against each other and the layout.
void check_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v, const torch::Tensor& context_k,
                     const torch::Tensor& context_v, const Layout& layout, const AttentionOptions& options);

/// The row ranges (begin, end) of a segment's ancestors, root first.
std::vector<Segment> ancestors(const Layout& layout, const Segment& segment);

}  // namespace peftlab::kernels
