// Attention over a tree of segments.
#pragma once

#include <torch/types.h>

#include "core/kernels/segments.h"

namespace peftlab::kernels {

struct AttentionOptions {
  double scale = 1.0;   // what q k' is multiplied by
  int64_t window = 0;   // 0: unlimited; otherwise a key is seen only if query position - window < key position
  double softcap = 0;   // 0: none; otherwise scores become softcap * tanh(score / softcap)
};

/// Softmax attention where every token sees what `layout` lets it see. q (N, H, D), k and v (N, K, D), H a multiple of K: query
/// head h reads key/value head h / (H / K). context_k and context_v (S, K, D), both undefined when there is no context.
/// -> (N, H, D) in q's type. Softmax and sums are in float32 (float64 for float64); for bfloat16 on a processor with a matrix
/// unit, probabilities and gradients of scores are rounded before the products that follow. Never holds the scores of more
/// than a block of one segment's rows; keeps q, k, v, the result and one number a row and head. Gradients reach whatever of q,
/// k, v, context_k, context_v needs one. The same bits for the same number of threads on one kind of processor.
/// Reference: Dao et al., 2022 (recomputation); Juravsky et al., 2024 (shared prefixes).
torch::Tensor attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                        const torch::Tensor& context_k, const torch::Tensor& context_v, const Layout& layout,
                        const AttentionOptions& options);

namespace slow {
/// The same from one dense (N, S + N) table of scores for each head.
torch::Tensor attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                        const torch::Tensor& context_k, const torch::Tensor& context_v, const Layout& layout,
                        const AttentionOptions& options);
}  // namespace slow

/// (N, S + N) bool on the CPU: which keys (context first) each token sees.
torch::Tensor visible(const Layout& layout, int64_t window);

}  // namespace peftlab::kernels
