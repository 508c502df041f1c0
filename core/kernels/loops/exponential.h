// e^x in plain arithmetic, so that compilers turn loops over it into vector code.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "core/kernels/loops/clones.h"

namespace peftlab::kernels::loops {

inline constexpr float kLowestPower = -87.3f, kHighestPower = 88.0f;

/// e^x within two units in the last place for kLowestPower <= x <= kHighestPower: x = n ln 2 + r, |r| <= ln 2 / 2; a
/// polynomial for e^r, n added to the exponent. `Number` is float or a vector of floats, `Word` as many words.
template <typename Number, typename Word>
PEFTLAB_INLINE void exponential_within(const Number& x, Number& result) {
  constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the lowest bits
  const Number shifted = x * 1.44269504f + kRounder;
  const Number n = shifted - kRounder;
  const Number r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Number p = 1.9875691500e-4f * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  Word bits;
  std::memcpy(&bits, &shifted, sizeof(bits));
  bits = (bits - std::bit_cast<uint32_t>(kRounder) + 127u) << 23;
  Number power;
  std::memcpy(&power, &bits, sizeof(power));
  result = p * power;
}

/// e^x; 0 below kLowestPower, infinity above kHighestPower; not a number stays one.
PEFTLAB_INLINE float exponential(float x) {
  const float bounded = x < kLowestPower ? kLowestPower : (x > kHighestPower ? kHighestPower : x);
  float result;
  exponential_within<float, uint32_t>(bounded, result);
  return x < kLowestPower ? 0.0f : (x > kHighestPower ? __builtin_inff() : result);
}

/// 1 / (1 + e^-x).
PEFTLAB_INLINE float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

}  // namespace peftlab::kernels::loops
