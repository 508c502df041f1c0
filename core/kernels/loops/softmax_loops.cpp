#include "core/kernels/loops/softmax_loops.h"

#include <cmath>

#include "core/kernels/loops/exponential.h"
#include "core/kernels/loops/lanes.h"
#include "core/kernels/loops/wide_lane.h"

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

namespace {

PEFTLAB_CLONES float plain_softmax_row(const ScoreRow& row, float* __restrict scores, float* largest) {
  for (int64_t i = 0; i < row.first; ++i) scores[i] = 0.0f;
  for (int64_t i = row.last; i < row.width; ++i) scores[i] = 0.0f;
  float* __restrict seen = scores + row.first;
  const int64_t n = row.last - row.first;
  float scale = row.scale;
  if (row.softcap > 0.0f) {
    for (int64_t i = 0; i < n; ++i) seen[i] = cap(scale * seen[i], row.softcap);
    scale = 1.0f;
  }
  const float top = max_of(n, [=](int64_t i) { return scale * seen[i]; });
  for (int64_t i = 0; i < n; ++i) seen[i] = exponential(scale * seen[i] - top);
  *largest = top;
  return sum_of(n, [seen](int64_t i) { return seen[i]; });
}

PEFTLAB_CLONES void plain_softmax_row_back(const ScoreRow& row, float log_sum, float* __restrict scores,
                                           float* __restrict dp) {
  for (int64_t i = 0; i < row.first; ++i) scores[i] = dp[i] = 0.0f;
  for (int64_t i = row.last; i < row.width; ++i) scores[i] = dp[i] = 0.0f;
  float* __restrict seen = scores + row.first;
  float* __restrict slopes = dp + row.first;
  const int64_t n = row.last - row.first;
  const float softcap = row.softcap, scale = row.scale;
  if (softcap > 0.0f) {
    // The slope of the cap is taken from the capped score, before that becomes a probability.
    for (int64_t i = 0; i < n; ++i) seen[i] = cap(scale * seen[i], softcap);
    const float delta = sum_of(n, [=](int64_t i) { return exponential(seen[i] - log_sum) * slopes[i]; });
    for (int64_t i = 0; i < n; ++i) {
      const float p = exponential(seen[i] - log_sum);
      slopes[i] = scale * p * (slopes[i] - delta) * cap_slope(seen[i], softcap);
      seen[i] = p;
    }
    return;
  }
  for (int64_t i = 0; i < n; ++i) seen[i] = exponential(scale * seen[i] - log_sum);
  const float delta = sum_of(n, [=](int64_t i) { return seen[i] * slopes[i]; });
  for (int64_t i = 0; i < n; ++i) slopes[i] = scale * seen[i] * (slopes[i] - delta);
}

#if defined(__x86_64__)

typedef int32_t Places __attribute__((vector_size(kLaneWidth * sizeof(int32_t))));

// Comparisons of vectors must stand in functions of this target themselves: elsewhere they are taken apart before
// inlining.
#define PEFTLAB_WIDE_INLINE PEFTLAB_WIDE PEFTLAB_INLINE

/// `x` in the places that the row sees, `other` elsewhere; the lane begins at column `place`.
PEFTLAB_WIDE_INLINE void keep_seen(const ScoreRow& row, int64_t place, const Lane& other, Lane& x) {
  const Places column = Places{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} + static_cast<int32_t>(place);
  x = column >= static_cast<int32_t>(row.first) ? x : other;
  x = column < static_cast<int32_t>(row.last) ? x : other;
}

/// x = e^x, x <= kHighestPower.
PEFTLAB_WIDE_INLINE void exponential_lane(Lane& x) {
  const Lane lowest = Lane{} + kLowestPower;
  const Lane bounded = x < lowest ? lowest : x;
  Lane power;
  exponential_within<Lane, Bits>(bounded, power);
  x = x < lowest ? Lane{} : power;
}

/// What is not a number may be passed over.
PEFTLAB_WIDE_INLINE float largest_of_lane(const Lane& lane) {
  HalfLane low8, high8;
  split(lane, low8, high8);
  const HalfLane eight = low8 > high8 ? low8 : high8;
  QuarterLane low4, high4;
  split(eight, low4, high4);
  const QuarterLane four = low4 > high4 ? low4 : high4;
  const float even = four[0] > four[2] ? four[0] : four[2], odd = four[1] > four[3] ? four[1] : four[3];
  return even > odd ? even : odd;
}

/// For rows of whole lanes without a cap.
PEFTLAB_WIDE float wide_softmax_row(const ScoreRow& row, float* scores, float* largest) {
  const Lane nothing = Lane{} - __builtin_inff();
  Lane tops = nothing;
  for (int64_t i = 0; i < row.width; i += kLaneWidth) {
    Lane x;
    load(scores + i, x);
    x *= row.scale;
    keep_seen(row, i, nothing, x);
    tops = x > tops ? x : tops;
  }
  const float top = largest_of_lane(tops);
  Lane sums{};
  for (int64_t i = 0; i < row.width; i += kLaneWidth) {
    Lane x;
    load(scores + i, x);
    x = row.scale * x - top;
    exponential_lane(x);
    keep_seen(row, i, Lane{}, x);
    sums += x;
    store(scores + i, x);
  }
  *largest = top;
  return sum_of_lane(sums);
}

PEFTLAB_WIDE void wide_softmax_row_back(const ScoreRow& row, float log_sum, float* scores, float* dp) {
  Lane sums{};
  for (int64_t i = 0; i < row.width; i += kLaneWidth) {
    Lane p, slope;
    load(scores + i, p);
    load(dp + i, slope);
    p = row.scale * p - log_sum;
    exponential_lane(p);
    keep_seen(row, i, Lane{}, p);
    keep_seen(row, i, Lane{}, slope);
    sums += p * slope;
    store(scores + i, p);
  }
  const float delta = sum_of_lane(sums);
  for (int64_t i = 0; i < row.width; i += kLaneWidth) {
    Lane p, slope;
    load(scores + i, p);
    load(dp + i, slope);
    slope = row.scale * p * (slope - delta);
    keep_seen(row, i, Lane{}, slope);
    store(dp + i, slope);
  }
}

bool fits_lanes(const ScoreRow& row) {
  return has_wide_registers() && row.width % kLaneWidth == 0 && row.softcap <= 0.0f && row.width < (int64_t{1} << 30);
}

#endif

}  // namespace

float softmax_row(const ScoreRow& row, float* scores, float* largest) {
#if defined(__x86_64__)
  if (fits_lanes(row)) return wide_softmax_row(row, scores, largest);
#endif
  return plain_softmax_row(row, scores, largest);
}

void softmax_row_back(const ScoreRow& row, float log_sum, float* scores, float* dp) {
#if defined(__x86_64__)
  if (fits_lanes(row)) return wide_softmax_row_back(row, log_sum, scores, dp);
#endif
  plain_softmax_row_back(row, log_sum, scores, dp);
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
