// The tables that four-bit codes are found in and turned back with.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "core/quant/four_bit.h"

namespace peftlab::quant {

/// How a scaled value finds its code: its rank is the number of thresholds below it. Where `by_magnitude`, thresholds
/// are below the value's magnitude, and a negative value's rank is 8 more. Nothing is below a NaN.
struct Search {
  float thresholds[16];  // rising, filled up with infinity
  uint32_t code[16];     // of each rank
  bool by_magnitude;
};

const Search& search(FourBit type, Rules rules);

/// What the elements of one block are multiplied by, or divided by where `divides`.
struct BlockScale {
  float kept;  // absmax as it is stored
  float factor;
  bool divides;
  bool clamps;  // the result into [-1, 1]
};

BlockScale block_scale(Rules rules, float absmax, bool is_short);

inline float scaled(float x, const BlockScale& scale) {
  float value = scale.divides ? x / scale.factor : x * scale.factor;
  if (scale.clamps) value = value < -1.0f ? -1.0f : value > 1.0f ? 1.0f : value;
  return value;
}

inline uint32_t code_of(float value, const Search& search) {
  const float compared = search.by_magnitude ? std::fabs(value) : value;
  uint32_t rank = search.by_magnitude && value < 0.0f ? 8 : 0;
  for (int i = 0; i < 15; ++i) rank += compared > search.thresholds[i] ? 1 : 0;
  return search.code[rank];
}

/// The upper half of a float32, rounded to nearest, ties to even.
inline uint16_t bfloat16_bits(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
  return static_cast<uint16_t>(x != x ? 0x7FC0u : rounded);
}

inline float from_bfloat16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

/// x as float16 would hold it, rounded to nearest, ties to even.
float through_float16(float x);

/// The sixteen values that codes stand for in one block.
inline void block_table(const std::array<float, 16>& codes, float scale, Rounding rounding, float* table) {
  for (int i = 0; i < 16; ++i) table[i] = codes[i] * scale;
  if (rounding == Rounding::kBfloat16) {
    for (int i = 0; i < 16; ++i) table[i] = from_bfloat16(bfloat16_bits(table[i]));
  } else if (rounding == Rounding::kFloat16) {
    for (int i = 0; i < 16; ++i) table[i] = through_float16(table[i]);
  }
}

}  // namespace peftlab::quant
