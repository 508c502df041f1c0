// Attention of one new token for each of many sequences that share a beginning.
#pragma once

#include <torch/types.h>

#include "core/kernels/attention.h"

namespace peftlab::kernels {

/// Keys and values of B sequences with a shared beginning.
struct DecodeCache {
  torch::Tensor shared_k, shared_v;  // (S, K, D), or undefined when nothing is shared
  torch::Tensor own_k;               // (B, K, D, T), T = places(...): the first `lengths` places are valid
  torch::Tensor own_v;               // (B, T, K, D)
  torch::Tensor lengths;             // (B) int64 on the CPU, >= 1: rows of each sequence, the new token's included
  torch::Tensor shared_positions;    // (S) int64 on the CPU; undefined with shared_k
  torch::Tensor positions;           // (B) int64 on the CPU: the new tokens'; own rows stand at consecutive positions before
};

/// The least room T of own keys and values for n tokens.
int64_t places(int64_t n);

/// q (B, H, D) -> (B, H, D) in q's type: each new token sees the shared rows and its own, within the window. No gradients.
/// Heads, softmax and options as in `attention`.
torch::Tensor decode_attention(const torch::Tensor& q, const DecodeCache& cache, const AttentionOptions& options);

namespace slow {
torch::Tensor decode_attention(const torch::Tensor& q, const DecodeCache& cache, const AttentionOptions& options);
}  // namespace slow

}  // namespace peftlab::kernels
