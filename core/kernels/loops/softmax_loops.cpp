#include "core/kernels/loops/softmax_loops.h"

#include <cmath>

#include "core/kernels/loops/exponential.h"
#include "core/kernels/loops/lanes.h"

namespace peftlab::kernels::loops {

namespace {

/// tanh(x) = 1 - 2 / (e^2x + 1), accurate to a rounding of 1, not of the result.
PEFTLAB_INLINE float hyperbolic_tangent(float x) { return 1.0f - 2.0f / (exponential(2.0f * x) + 1.0f); }

PEFTLAB_INLINE float cap(float x, float softcap) { return softcap * hyperbolic_tangent(x / softcap); }

/// d cap(x) / dx, from cap(x).
PEFTLAB_INLINE float cap_slope(float y, float softcap) { return 1.0f - (y / softcap) * (y / softcap); }

template <typename T>
PEFTLAB_INLINE float log_sum(int64_t n, float softcap, const T* __restrict x) {
  if (softcap > 0.0f) {
    // Capped logits lie within +-softcap: shifting by it needs no search for the largest one.
    const float largest = cap(max_of(n, [x](int64_t i) { return to_float(x[i]); }), softcap);
    return largest + std::log(sum_of(n, [=](int64_t i) { return exponential(cap(to_float(x[i]), softcap) - largest); }));
  }
  const float largest = max_of(n, [x](int64_t i) { return to_float(x[i]); });
  return largest + std::log(sum_of(n, [=](int64_t i) { return exponential(to_float(x[i]) - largest); }));
}

template <typename T>
PEFTLAB_INLINE int64_t largest_place(int64_t n, const T* __restrict x) {
  const float largest = max_of(n, [x](int64_t i) { return to_float(x[i]); });
  for (int64_t i = 0; i < n; ++i) {
    if (to_float(x[i]) == largest) return i;
  }
  return 0;
}

template <typename T>
PEFTLAB_INLINE void to_gradient(int64_t n, float softcap, float log_sum, int64_t target, float scale, T* __restrict x) {
  const float at_target = to_float(x[target]);
  if (softcap > 0.0f) {
    for (int64_t i = 0; i < n; ++i) {
      const float y = cap(to_float(x[i]), softcap);
      store(x + i, scale * exponential(y - log_sum) * cap_slope(y, softcap));
    }
    const float y = cap(at_target, softcap);
    store(x + target, scale * (exponential(y - log_sum) - 1.0f) * cap_slope(y, softcap));
  } else {
    for (int64_t i = 0; i < n; ++i) store(x + i, scale * exponential(to_float(x[i]) - log_sum));
    store(x + target, scale * (exponential(at_target - log_sum) - 1.0f));
  }
}

}  // namespace

float capped(float x, float softcap) { return softcap > 0.0f ? cap(x, softcap) : x; }

PEFTLAB_CLONES float softmax_row(const ScoreRow& row, float* __restrict scores, float* largest) {
  for (int64_t i = 0; i < row.first; ++i) scores[i] = 0.0f;
  for (int64_t i = row.last; i < row.width; ++i) scores[i] = 0.0f;
  float* __restrict seen = scores + row.first;
  const int64_t n = row.last - row.first;
  if (row.softcap > 0.0f) {
    for (int64_t i = 0; i < n; ++i) seen[i] = cap(seen[i], row.softcap);
  }
  const float top = max_of(n, [seen](int64_t i) { return seen[i]; });
  for (int64_t i = 0; i < n; ++i) seen[i] = exponential(seen[i] - top);
  *largest = top;
  return sum_of(n, [seen](int64_t i) { return seen[i]; });
}

PEFTLAB_CLONES void softmax_row_back(const ScoreRow& row, float log_sum, float* __restrict scores, float* __restrict dp) {
  for (int64_t i = 0; i < row.first; ++i) scores[i] = dp[i] = 0.0f;
  for (int64_t i = row.last; i < row.width; ++i) scores[i] = dp[i] = 0.0f;
  float* __restrict seen = scores + row.first;
  float* __restrict slopes = dp + row.first;
  const int64_t n = row.last - row.first;
  const float softcap = row.softcap;
  if (softcap > 0.0f) {
    // The slope of the cap is taken from the capped score, before that becomes a probability.
    for (int64_t i = 0; i < n; ++i) seen[i] = cap(seen[i], softcap);
    const float delta = sum_of(n, [=](int64_t i) { return exponential(seen[i] - log_sum) * slopes[i]; });
    for (int64_t i = 0; i < n; ++i) {
      const float p = exponential(seen[i] - log_sum);
      slopes[i] = p * (slopes[i] - delta) * cap_slope(seen[i], softcap);
      seen[i] = p;
    }
    return;
  }
  for (int64_t i = 0; i < n; ++i) seen[i] = exponential(seen[i] - log_sum);
  const float delta = sum_of(n, [=](int64_t i) { return seen[i] * slopes[i]; });
  for (int64_t i = 0; i < n; ++i) slopes[i] = seen[i] * (slopes[i] - delta);
}

PEFTLAB_CLONES float log_sum_exp(int64_t n, float softcap, const float* logits) { return log_sum(n, softcap, logits); }

PEFTLAB_CLONES float log_sum_exp(int64_t n, float softcap, const Bfloat16* logits) { return log_sum(n, softcap, logits); }

PEFTLAB_CLONES void logits_to_gradient(int64_t n, float softcap, float log_sum, int64_t target, float scale, float* logits) {
  to_gradient(n, softcap, log_sum, target, scale, logits);
}

PEFTLAB_CLONES void logits_to_gradient(int64_t n, float softcap, float log_sum, int64_t target, float scale,
                                       Bfloat16* logits) {
  to_gradient(n, softcap, log_sum, target, scale, logits);
}

PEFTLAB_CLONES int64_t place_of_largest(int64_t n, const float* logits) { return largest_place(n, logits); }

PEFTLAB_CLONES int64_t place_of_largest(int64_t n, const Bfloat16* logits) { return largest_place(n, logits); }

}  // namespace peftlab::kernels::loops
