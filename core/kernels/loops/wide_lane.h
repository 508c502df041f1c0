// Sixteen floats at once, loaded from and stored to either element type: one register with AVX-512, two or four elsewhere.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/kernels/loops/bfloat16.h"
#include "core/kernels/loops/clones.h"

#if defined(__x86_64__)
/// Builds a function for registers of sixteen floats; what it calls must be PEFTLAB_INLINE. Call it where has_wide_registers().
#define PEFTLAB_WIDE_TARGET "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"
#if defined(__clang__)
#define PEFTLAB_WIDE __attribute__((target(PEFTLAB_WIDE_TARGET)))
#else  // GCC splits conversions in two halves where it is not told otherwise
#define PEFTLAB_WIDE __attribute__((target(PEFTLAB_WIDE_TARGET ",prefer-vector-width=512")))
#endif
#endif

namespace peftlab::kernels::loops {

inline constexpr int64_t kLaneWidth = 16;

typedef float Lane __attribute__((vector_size(kLaneWidth * sizeof(float))));
typedef uint16_t HalfBits __attribute__((vector_size(kLaneWidth * sizeof(uint16_t))));
typedef uint32_t Bits __attribute__((vector_size(kLaneWidth * sizeof(uint32_t))));

PEFTLAB_INLINE void load(const float* from, Lane& to) { std::memcpy(&to, from, sizeof(Lane)); }

PEFTLAB_INLINE void load(const Bfloat16* from, Lane& to) {
  HalfBits half;
  std::memcpy(&half, from, sizeof(half));
  const Bits bits = __builtin_convertvector(half, Bits) << 16;
  std::memcpy(&to, &bits, sizeof(Lane));
}

PEFTLAB_INLINE void store(float* to, const Lane& from) { std::memcpy(to, &from, sizeof(Lane)); }

/// As rounded_bits of each.
PEFTLAB_INLINE void store(Bfloat16* to, const Lane& from) {
  Bits bits;
  std::memcpy(&bits, &from, sizeof(bits));
  const Bits rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
  const HalfBits half = __builtin_convertvector(from != from ? Bits{} + 0x7FC0u : rounded, HalfBits);
  std::memcpy(to, &half, sizeof(half));
}

typedef float HalfLane __attribute__((vector_size(kLaneWidth / 2 * sizeof(float))));
typedef float QuarterLane __attribute__((vector_size(kLaneWidth / 4 * sizeof(float))));

/// The lower and the upper half of a vector. (Vectors go by reference: by value they would change how calls are made.)
template <typename Whole, typename Half>
PEFTLAB_INLINE void split(const Whole& whole, Half& low, Half& high) {
  std::memcpy(&low, &whole, sizeof(Half));
  std::memcpy(&high, reinterpret_cast<const char*>(&whole) + sizeof(Half), sizeof(Half));
}

/// The sum of all sixteen, by halves.
PEFTLAB_INLINE float sum_of_lane(const Lane& lane) {
  HalfLane low8, high8;
  split(lane, low8, high8);
  const HalfLane eight = low8 + high8;
  QuarterLane low4, high4;
  split(eight, low4, high4);
  const QuarterLane four = low4 + high4;
  return (four[0] + four[2]) + (four[1] + four[3]);
}

#if defined(__x86_64__)
inline bool has_wide_registers() {
  static const bool has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
  return has;
}
#endif

}  // namespace peftlab::kernels::loops
