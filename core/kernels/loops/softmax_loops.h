// Rows of softmax, of attention scores and of logits.
#pragma once

#include <cstdint>

#include "core/kernels/loops/bfloat16.h"

namespace peftlab::kernels::loops {

/// One row of attention scores, of which columns [first, last) are seen; the rest of its `width` columns is set to 0.
struct ScoreRow {
  int64_t width;
  int64_t first;
  int64_t last;
  float softcap;       // 0: none
  float scale = 1.0f;  // what scores are multiplied by first
};

/// Turns scores into e^(score - max), returns the sum of those, and the maximum in `largest`.
float softmax_row(const ScoreRow& row, float* scores, float* largest);

/// Turns scores into probabilities, given the row's log-sum-exp, and dp, the gradient of the probabilities, into the
/// gradient of the scores before they were scaled.
void softmax_row_back(const ScoreRow& row, float log_sum, float* scores, float* dp);

/// Log-sum-exp of n logits.
float log_sum_exp(int64_t n, float softcap, const float* logits);
float log_sum_exp(int64_t n, float softcap, const Bfloat16* logits);

/// Turns logits in place into scale * (softmax - one at target), times the slope of the cap.
void logits_to_gradient(int64_t n, float softcap, float log_sum, int64_t target, float scale, float* logits);
void logits_to_gradient(int64_t n, float softcap, float log_sum, int64_t target, float scale, Bfloat16* logits);

/// The first place of the largest of n >= 1 logits; when one is not a number, any place.
int64_t place_of_largest(int64_t n, const float* logits);
int64_t place_of_largest(int64_t n, const Bfloat16* logits);

/// softcap * tanh(x / softcap), x itself when softcap is 0.
float capped(float x, float softcap);

}  // namespace peftlab::kernels::loops
