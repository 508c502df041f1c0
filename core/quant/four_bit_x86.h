// Whole blocks by AVX-512's table instructions: a compiler turns a look-up in a table of 16 into 16 loads.
#pragma once

#include "core/quant/four_bit_tables.h"

namespace peftlab::quant::x86 {

/// Whether this processor has what the functions below need; asked once.
bool can_look_up();

/// Lets can_look_up() say no while it lives, so that tests reach the portable loops. Not for several threads.
class PortableOnly {
 public:
  PortableOnly();
  ~PortableOnly();
  PortableOnly(const PortableOnly&) = delete;
  PortableOnly& operator=(const PortableOnly&) = delete;
};

/// REQUIRES of all: can_look_up(), and n or the block size a multiple of 32.
float largest_magnitude(const float* x, int64_t n);
void encode_block(const float* x, int64_t n, const BlockScale& scale, const Search& search, uint8_t* packed);
void decode_blocks(const FourBitFormat& format, const Scales& scales, Rounding rounding, const uint8_t* packed,
                   int64_t first, int64_t last, float* out);
void decode_blocks(const FourBitFormat& format, const Scales& scales, Rounding rounding, const uint8_t* packed,
                   int64_t first, int64_t last, uint16_t* out);

}  // namespace peftlab::quant::x86
