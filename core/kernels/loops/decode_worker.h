// Attention of one new token for each of some sequences.
#pragma once

#include <cstdint>

#include "core/kernels/loops/attention_plan.h"
#include "core/kernels/loops/bfloat16.h"

namespace peftlab::kernels::loops {

/// One call's arrays. Own keys lie with a number's places side by side, so that scores are sums of rows.
template <typename T>
struct DecodeInputs {
  AttentionShape shape;
  AttentionRule rule;
  const T* q;         // (B, H, D)
  const T* shared_k;  // (S, K, D), or null
  const T* shared_v;
  int64_t num_shared;  // S
  const T* own_k;      // (B, K, D, T)
  const T* own_v;      // (B, T, K, D)
  int64_t room;        // T, a multiple of kTileWidth
  const int64_t* lengths;       // (B)
  const int64_t* first_shared;  // (B) the first shared key that is seen, S for none
  const int64_t* first_own;     // (B) the first own key that is seen, below the length
};

/// Computes `result` (B, H, D) for the heads of one key/value head and sequences [begin, end).
template <typename T>
void decode_block(const DecodeInputs<T>& inputs, int64_t head, int64_t begin, int64_t end, T* result);

}  // namespace peftlab::kernels::loops
