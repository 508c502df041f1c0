// e^x in plain arithmetic, so that compilers turn loops over it into vector code.
#pragma once

#include <bit>
#include <cstdint>

#include "core/kernels/loops/clones.h"

namespace peftlab::kernels::loops {

/// e^x within two units in the last place for -87.3 <= x <= 88; 0 below, infinity above; not a number stays one.
/// x = n ln 2 + r, |r| <= ln 2 / 2; a polynomial for e^r, n added to the exponent.
PEFTLAB_INLINE float exponential(float x) {
  constexpr float kLowest = -87.3f, kHighest = 88.0f;
  constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the lowest bits
  const float bounded = x < kLowest ? kLowest : (x > kHighest ? kHighest : x);
  const float shifted = bounded * 1.44269504f + kRounder;
  const float n = shifted - kRounder;
  const float r = (bounded - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const uint32_t power = (std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(kRounder) + 127u) << 23;
  const float result = p * std::bit_cast<float>(power);
  return x < kLowest ? 0.0f : (x > kHighest ? __builtin_inff() : result);
}

/// 1 / (1 + e^-x).
PEFTLAB_INLINE float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

}  // namespace peftlab::kernels::loops
