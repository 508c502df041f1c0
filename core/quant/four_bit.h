// Matrices in four bits an element with a scale for each block: NF4 (Dettmers et al., 2023,
// https://arxiv.org/abs/2305.14314, section 3) and FP4, in the byte layout of bitsandbytes,
// https://github.com/bitsandbytes-foundation/bitsandbytes:
//
//   q_i = nearest code to x_i / absmax_b          x_i ~ code[q_i] absmax_b          b = i / block size
//
// Elements are flattened row by row and blocks run across the ends of rows; element 2k stands in the upper four bits of
// byte k, element 2k + 1 in the lower. The last block may be short, and an odd last element is paired with a zero.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace peftlab::quant {

enum class FourBit { kNf4, kFp4 };

/// bitsandbytes quantises by two sets of rules that differ in the last bit of 4 of NF4's 15 thresholds, in how the
/// short last block is scaled, and in what becomes of a block of zeros. kCuda multiplies by 1 / absmax rounded once,
/// where a GPU's own reciprocal is approximate.
enum class Rules { kCuda, kCpu };

inline constexpr int64_t kLeastBlock = 32, kLargestBlock = 4096;

/// The powers of two from kLeastBlock to kLargestBlock.
bool is_block_size(int64_t size);

struct FourBitFormat {
  FourBit type = FourBit::kNf4;
  int64_t block_size = 64;

  int64_t num_blocks(int64_t num_elements) const { return (num_elements + block_size - 1) / block_size; }
};

inline int64_t packed_bytes(int64_t num_elements) { return (num_elements + 1) / 2; }

/// "nf4", "fp4".
const char* name(FourBit type);

/// The value of each code.
const std::array<float, 16>& codes(FourBit type);

/// Encodes the blocks [first, last) of `num_elements` values, of which x holds those of these blocks: writes their
/// bytes of `packed` (packed_bytes) and their scales of `absmax` (num_blocks). The scale of a block that holds a value
/// that is not finite is not finite either. Blocks share no byte, so that parts can be done by several threads.
void encode(const FourBitFormat& format, Rules rules, const float* x, int64_t num_elements, int64_t first, int64_t last,
            uint8_t* packed, float* absmax);

/// The scales of blocks as they are kept: plain, or in 8 bits (scales.h).
struct Scales {
  const float* absmax = nullptr;   // of each block; nullptr: the four below
  const uint8_t* codes = nullptr;  // of each block
  const float* map = nullptr;      // (256) the value of each code
  const float* absmax2 = nullptr;  // of each 256 blocks
  float offset = 0.0f;

  float operator()(int64_t block) const {
    return absmax != nullptr ? absmax[block] : map[codes[block]] * absmax2[block / 256] + offset;
  }
};

/// What a decoded value is rounded to before anything else is done with it: the type the matrix had.
enum class Rounding { kFloat32, kBfloat16, kFloat16 };

/// The inverse for the blocks [first, last): code times scale, rounded. `out` takes the elements of these blocks as
/// float32, float64, or the bits of bfloat16.
void decode(const FourBitFormat& format, const Scales& scales, Rounding rounding, const uint8_t* packed,
            int64_t num_elements, int64_t first, int64_t last, float* out);
void decode(const FourBitFormat& format, const Scales& scales, Rounding rounding, const uint8_t* packed,
            int64_t num_elements, int64_t first, int64_t last, double* out);
void decode(const FourBitFormat& format, const Scales& scales, Rounding rounding, const uint8_t* packed,
            int64_t num_elements, int64_t first, int64_t last, uint16_t* out);

}  // namespace peftlab::quant
