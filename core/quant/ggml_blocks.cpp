#include "core/quant/ggml_blocks.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "peftlab/error.h"

// Bit for bit means every product and sum rounded by itself: this folder is compiled with -ffp-contract=off.

namespace peftlab::quant {
namespace {

static_assert(std::endian::native == std::endian::little, "blocks are read as they stand in the file");

constexpr size_t kBlock = 32;        // elements of the plain formats' blocks
constexpr size_t kSuperBlock = 256;  // elements of the K formats' blocks

const uint8_t* as_bytes(const std::byte* from) { return reinterpret_cast<const uint8_t*>(from); }

template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

float float_of(uint32_t bits) { return std::bit_cast<float>(bits); }

/// IEEE half to float, exact. Branch-free, so that loops over it become vector code.
float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t magnitude = half & 0x7FFF;
  const uint32_t exponent_step = 0x38000000;  // (127 - 15) << 23
  const uint32_t normal = (magnitude << 13) + exponent_step;
  const uint32_t special = (magnitude << 13) | 0x7F800000;  // infinity and NaN
  const uint32_t subnormal = std::bit_cast<uint32_t>(static_cast<float>(magnitude) * 0x1p-24f);
  const uint32_t finite = magnitude < 0x0400 ? subnormal : normal;
  return float_of(sign | (magnitude >= 0x7C00 ? special : finite));
}

float load_half(const std::byte* from) { return half_to_float(load<uint16_t>(from)); }

// Layouts, bytes from the start of a block. d and m are halves; low[i] holds element i in its lower and element
// i + 16 in its upper four bits; bit i of `high` is the fifth bit of element i.

void q8_0(const std::byte* block, float* out) {  // d | 32 x int8
  const float d = load_half(block);
  const auto* q = reinterpret_cast<const int8_t*>(block + 2);
  for (size_t i = 0; i < kBlock; ++i) out[i] = static_cast<float>(q[i]) * d;
}

void q4_0(const std::byte* block, float* out) {  // d | low 16
  const float d = load_half(block);
  const uint8_t* low = as_bytes(block + 2);
  for (size_t i = 0; i < kBlock / 2; ++i) out[i] = d * static_cast<float>((low[i] & 15) - 8);
  for (size_t i = 0; i < kBlock / 2; ++i) out[i + kBlock / 2] = d * static_cast<float>((low[i] >> 4) - 8);
}

void q4_1(const std::byte* block, float* out) {  // d | m | low 16
  const float d = load_half(block), m = load_half(block + 2);
  const uint8_t* low = as_bytes(block + 4);
  for (size_t i = 0; i < kBlock / 2; ++i) out[i] = d * static_cast<float>(low[i] & 15) + m;
  for (size_t i = 0; i < kBlock / 2; ++i) out[i + kBlock / 2] = d * static_cast<float>(low[i] >> 4) + m;
}

/// The 32 five-bit numbers of Q5_0 and Q5_1.
void five_bits(uint32_t high, const uint8_t* low, int32_t* q) {
  for (uint32_t i = 0; i < kBlock / 2; ++i) q[i] = static_cast<int32_t>((low[i] & 15u) | ((high >> i & 1u) << 4));
  for (uint32_t i = 0; i < kBlock / 2; ++i)
    q[i + 16] = static_cast<int32_t>((low[i] >> 4) | ((high >> (i + 16) & 1u) << 4));
}

void q5_0(const std::byte* block, float* out) {  // d | high 4 | low 16
  const float d = load_half(block);
  int32_t q[kBlock];
  five_bits(load<uint32_t>(block + 2), as_bytes(block + 6), q);
  for (size_t i = 0; i < kBlock; ++i) out[i] = d * static_cast<float>(q[i] - 16);
}

void q5_1(const std::byte* block, float* out) {  // d | m | high 4 | low 16
  const float d = load_half(block), m = load_half(block + 2);
  int32_t q[kBlock];
  five_bits(load<uint32_t>(block + 4), as_bytes(block + 8), q);
  for (size_t i = 0; i < kBlock; ++i) out[i] = d * static_cast<float>(q[i]) + m;
}

/// Scale and minimum of sub-block `i` of 8, six bits each in 12 bytes: 0-3 the scales of the first four, 4-7 their
/// minima, 8-11 the lower halves of the last four, whose upper two bits top the bytes of the first four.
void scale_and_minimum(const uint8_t* packed, size_t i, float& scale, float& minimum) {
  if (i < 4) {
    scale = static_cast<float>(packed[i] & 63);
    minimum = static_cast<float>(packed[i + 4] & 63);
  } else {
    scale = static_cast<float>((packed[i + 4] & 15) | (packed[i - 4] >> 6 << 4));
    minimum = static_cast<float>((packed[i + 4] >> 4) | (packed[i] >> 6 << 4));
  }
}

void q4_k(const std::byte* block, float* out) {  // d | dmin | 12 scales | 128: pairs of sub-blocks share 32 bytes
  const float d = load_half(block), d_minimum = load_half(block + 2);
  const uint8_t* scales = as_bytes(block + 4);
  for (size_t sub = 0; sub < 8; ++sub, out += kBlock) {
    const uint8_t* q = as_bytes(block + 16) + sub / 2 * kBlock;
    const int shift = sub % 2 == 0 ? 0 : 4;
    float scale, minimum;
    scale_and_minimum(scales, sub, scale, minimum);
    scale = d * scale;
    minimum = d_minimum * minimum;
    for (size_t i = 0; i < kBlock; ++i) out[i] = scale * static_cast<float>(q[i] >> shift & 15) - minimum;
  }
}

void q5_k(const std::byte* block, float* out) {  // d | dmin | 12 scales | 32 high: bit `sub` of byte i | 128 as in Q4_K
  const float d = load_half(block), d_minimum = load_half(block + 2);
  const uint8_t* scales = as_bytes(block + 4);
  const uint8_t* high = as_bytes(block + 16);
  for (size_t sub = 0; sub < 8; ++sub, out += kBlock) {
    const uint8_t* q = as_bytes(block + 48) + sub / 2 * kBlock;
    const int shift = sub % 2 == 0 ? 0 : 4;
    float scale, minimum;
    scale_and_minimum(scales, sub, scale, minimum);
    scale = d * scale;
    minimum = d_minimum * minimum;
    for (size_t i = 0; i < kBlock; ++i) {
      out[i] = scale * static_cast<float>((q[i] >> shift & 15) | (high[i] >> sub & 1) << 4) - minimum;
    }
  }
}

// 128 low | 64 high | 16 int8 scales | d. Two halves of 128 elements; in each, four groups of 32: groups 0 and 1 have
// the lower four bits of the half's 64 low bytes, 2 and 3 the upper; group g has bits 2g of the half's 32 high bytes.
void q6_k(const std::byte* block, float* out) {
  const auto* scales = reinterpret_cast<const int8_t*>(block + 192);
  const float d = load_half(block + 208);
  for (size_t group = 0; group < 8; ++group, out += kBlock) {
    const size_t half = group / 4, within = group % 4;
    const uint8_t* low = as_bytes(block) + half * 64 + within % 2 * kBlock;
    const uint8_t* high = as_bytes(block + 128) + half * kBlock;
    const size_t low_shift = within / 2 * 4, high_shift = within * 2;
    const float first = d * static_cast<float>(scales[2 * group]),
                second = d * static_cast<float>(scales[2 * group + 1]);
    for (size_t i = 0; i < kBlock; ++i) {
      const int q = ((low[i] >> low_shift & 15) | (high[i] >> high_shift & 3) << 4) - 32;
      out[i] = (i < kBlock / 2 ? first : second) * static_cast<float>(q);
    }
  }
}

using BlockFunction = void (*)(const std::byte*, float*);

template <BlockFunction kFunction>
void each_block(const std::byte* src, size_t num_blocks, size_t bytes, size_t elements, float* dst) {
  for (size_t i = 0; i < num_blocks; ++i) kFunction(src + i * bytes, dst + i * elements);
}

void from_f16(const std::byte* src, size_t num_elements, float* dst) {
  for (size_t i = 0; i < num_elements; ++i) dst[i] = load_half(src + 2 * i);
}

void from_bf16(const std::byte* src, size_t num_elements, float* dst) {
  for (size_t i = 0; i < num_elements; ++i) dst[i] = float_of(static_cast<uint32_t>(load<uint16_t>(src + 2 * i)) << 16);
}

}  // namespace

bool can_dequantize(GgmlType type) {
  switch (type) {
    case GgmlType::kF32:
    case GgmlType::kF16:
    case GgmlType::kBF16:
    case GgmlType::kQ8_0:
    case GgmlType::kQ4_0:
    case GgmlType::kQ4_1:
    case GgmlType::kQ5_0:
    case GgmlType::kQ5_1:
    case GgmlType::kQ4_K:
    case GgmlType::kQ5_K:
    case GgmlType::kQ6_K: return true;
    default: return false;
  }
}

void require_dequantizable(GgmlType type, const std::string& where) {
  if (can_dequantize(type)) return;
  throw ConfigError(where + ": tensor type " + name(type) +
                    " is not supported; convert the model to one of F32, F16, BF16, " +
                    "Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K");
}

void dequantize(GgmlType type, const std::byte* src, size_t num_elements, float* dst) {
  require_dequantizable(type, "dequantize");
  const size_t elements = block_size(type), bytes = block_bytes(type);
  if (num_elements % elements != 0) {
    throw std::invalid_argument("dequantize: " + std::to_string(num_elements) + " elements are no whole blocks of " +
                                name(type));
  }
  const size_t blocks = num_elements / elements;
  if (blocks == 0) return;
  switch (type) {
    case GgmlType::kF32: std::memcpy(dst, src, num_elements * sizeof(float)); break;
    case GgmlType::kF16: from_f16(src, num_elements, dst); break;
    case GgmlType::kBF16: from_bf16(src, num_elements, dst); break;
    case GgmlType::kQ8_0: each_block<q8_0>(src, blocks, bytes, elements, dst); break;
    case GgmlType::kQ4_0: each_block<q4_0>(src, blocks, bytes, elements, dst); break;
    case GgmlType::kQ4_1: each_block<q4_1>(src, blocks, bytes, elements, dst); break;
    case GgmlType::kQ5_0: each_block<q5_0>(src, blocks, bytes, elements, dst); break;
    case GgmlType::kQ5_1: each_block<q5_1>(src, blocks, bytes, elements, dst); break;
    case GgmlType::kQ4_K: each_block<q4_k>(src, blocks, bytes, elements, dst); break;
    case GgmlType::kQ5_K: each_block<q5_k>(src, blocks, bytes, elements, dst); break;
    case GgmlType::kQ6_K: each_block<q6_k>(src, blocks, bytes, elements, dst); break;
    default: break;
  }
}

}  // namespace peftlab::quant
