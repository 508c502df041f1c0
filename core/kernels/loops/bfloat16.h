// bfloat16 by its bits: the upper half of a float32.
#pragma once

#include <bit>
#include <cstdint>

#include "core/kernels/loops/clones.h"

namespace peftlab::kernels::loops {

struct Bfloat16 {
  uint16_t bits;
};

PEFTLAB_INLINE float to_float(float x) { return x; }

PEFTLAB_INLINE float to_float(Bfloat16 x) { return std::bit_cast<float>(static_cast<uint32_t>(x.bits) << 16); }

/// The bits of x rounded to nearest, ties to even; not a number stays one.
PEFTLAB_INLINE uint16_t rounded_bits(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
  return static_cast<uint16_t>(x != x ? 0x7FC0u : rounded);
}

PEFTLAB_INLINE void store(float* to, float x) { *to = x; }

PEFTLAB_INLINE void store(Bfloat16* to, float x) { to->bits = rounded_bits(x); }

/// x as an element of type T would hold it.
template <typename T>
PEFTLAB_INLINE float rounded_to(float x);

template <>
PEFTLAB_INLINE float rounded_to<float>(float x) {
  return x;
}

template <>
PEFTLAB_INLINE float rounded_to<Bfloat16>(float x) {
  return to_float(Bfloat16{rounded_bits(x)});
}

}  // namespace peftlab::kernels::loops
