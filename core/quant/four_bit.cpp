#include "core/quant/four_bit.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/quant/four_bit_tables.h"
#include "core/quant/four_bit_x86.h"

namespace peftlab::quant {
namespace {

struct Span {
  int64_t begin, end;  // elements
};

Span block_span(const FourBitFormat& format, int64_t block, int64_t num_elements) {
  const int64_t begin = block * format.block_size;
  return {begin, std::min(begin + format.block_size, num_elements)};
}

uint32_t magnitude_bits(float x) { return std::bit_cast<uint32_t>(x) & 0x7FFFFFFFu; }

/// By their bits, which rise as magnitudes do, up to infinity and to what is not a number.
float largest_magnitude(const float* x, int64_t n) {
  uint32_t lanes[16] = {};
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (int j = 0; j < 16; ++j) lanes[j] = std::max(lanes[j], magnitude_bits(x[i + j]));
  }
  for (; i < n; ++i) lanes[0] = std::max(lanes[0], magnitude_bits(x[i]));
  return std::bit_cast<float>(*std::max_element(lanes, lanes + 16));
}

void encode_span(const float* x, int64_t n, const BlockScale& scale, const Search& search, uint8_t* packed) {
  for (int64_t i = 0; i < n; i += 2) {
    const float second = i + 1 < n ? scaled(x[i + 1], scale) : scaled(0.0f, scale);
    packed[i / 2] = static_cast<uint8_t>(code_of(scaled(x[i], scale), search) << 4 | code_of(second, search));
  }
}

void put(float value, float* out) { *out = value; }
void put(float value, double* out) { *out = value; }
void put(float value, uint16_t* out) { *out = bfloat16_bits(value); }

template <typename T>
void decode_span(const float* table, const uint8_t* packed, int64_t n, T* out) {
  T values[16];
  for (int i = 0; i < 16; ++i) put(table[i], values + i);
  for (int64_t i = 0; i + 2 <= n; i += 2) {
    out[i] = values[packed[i / 2] >> 4];
    out[i + 1] = values[packed[i / 2] & 15];
  }
  if (n % 2 != 0) out[n - 1] = values[packed[n / 2] >> 4];
}

template <typename T>
void decode_blocks(const FourBitFormat& format, const Scales& scales, Rounding rounding, const uint8_t* packed,
                   int64_t num_elements, int64_t first, int64_t last, T* out) {
  const auto& values = codes(format.type);
  float table[16];
  for (int64_t block = first; block < last; ++block) {
    const auto [begin, end] = block_span(format, block, num_elements);
    block_table(values, scales(block), rounding, table);
    decode_span(table, packed + begin / 2, end - begin, out + (begin - first * format.block_size));
  }
}

/// The whole blocks of [first, last) by the processor's table instructions, where it has them; returns the first block
/// left.
template <typename T>
int64_t decode_whole_blocks(const FourBitFormat& format, const Scales& scales, Rounding rounding, const uint8_t* packed,
                            int64_t num_elements, int64_t first, int64_t last, T* out) {
  if (!x86::can_look_up()) return first;
  const int64_t end = std::max(first, std::min(last, num_elements / format.block_size));
  x86::decode_blocks(format, scales, rounding, packed, first, end, out);
  return end;
}

}  // namespace

void encode(const FourBitFormat& format, Rules rules, const float* x, int64_t num_elements, int64_t first, int64_t last,
            uint8_t* packed, float* absmax) {
  const Search& found = search(format.type, rules);
  const bool looks_up = x86::can_look_up();
  for (int64_t block = first; block < last; ++block) {
    const auto [begin, end] = block_span(format, block, num_elements);
    const float* values = x + (block - first) * format.block_size;
    const int64_t n = end - begin;
    const bool is_whole = n == format.block_size;
    const float largest = looks_up && is_whole ? x86::largest_magnitude(values, n) : largest_magnitude(values, n);
    const auto scale = block_scale(rules, largest, !is_whole);
    absmax[block] = scale.kept;
    if (looks_up && is_whole) {
      x86::encode_block(values, n, scale, found, packed + begin / 2);
    } else {
      encode_span(values, n, scale, found, packed + begin / 2);
    }
  }
}

void decode(const FourBitFormat& format, const Scales& scales, Rounding rounding, const uint8_t* packed,
            int64_t num_elements, int64_t first, int64_t last, float* out) {
  const int64_t rest = decode_whole_blocks(format, scales, rounding, packed, num_elements, first, last, out);
  decode_blocks(format, scales, rounding, packed, num_elements, rest, last, out + (rest - first) * format.block_size);
}

void decode(const FourBitFormat& format, const Scales& scales, Rounding rounding, const uint8_t* packed,
            int64_t num_elements, int64_t first, int64_t last, double* out) {
  decode_blocks(format, scales, rounding, packed, num_elements, first, last, out);
}

void decode(const FourBitFormat& format, const Scales& scales, Rounding rounding, const uint8_t* packed,
            int64_t num_elements, int64_t first, int64_t last, uint16_t* out) {
  const int64_t rest = decode_whole_blocks(format, scales, rounding, packed, num_elements, first, last, out);
  decode_blocks(format, scales, rounding, packed, num_elements, rest, last, out + (rest - first) * format.block_size);
}

}  // namespace peftlab::quant
