// Sums and maxima in a fixed number of lanes: compilers may not reorder a float sum by themselves.
#pragma once

#include <cstdint>

#include "core/kernels/loops/clones.h"

namespace peftlab::kernels::loops {

inline constexpr int64_t kLanes = 32;

/// f(0) + ... + f(n - 1).
template <typename F>
PEFTLAB_INLINE float sum_of(int64_t n, F f) {
  float lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t j = 0; j < kLanes; ++j) lanes[j] += f(i + j);
  }
  float rest = 0.0f;
  for (; i < n; ++i) rest += f(i);
  for (int64_t width = kLanes / 2; width > 0; width /= 2) {
    for (int64_t j = 0; j < width; ++j) lanes[j] += lanes[j + width];
  }
  return lanes[0] + rest;
}

/// The largest of f(0) .. f(n - 1), n >= 1; a value that is not a number may be passed over.
template <typename F>
PEFTLAB_INLINE float max_of(int64_t n, F f) {
  float lanes[kLanes];
  for (int64_t j = 0; j < kLanes; ++j) lanes[j] = f(0);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t j = 0; j < kLanes; ++j) {
      const float x = f(i + j);
      lanes[j] = x > lanes[j] ? x : lanes[j];
    }
  }
  float largest = lanes[0];
  for (int64_t j = 1; j < kLanes; ++j) largest = lanes[j] > largest ? lanes[j] : largest;
  for (; i < n; ++i) largest = f(i) > largest ? f(i) : largest;
  return largest;
}

}  // namespace peftlab::kernels::loops
