// The tensor types of ggml and how many elements and bytes a block of each takes.
// Source: ggml/src/ggml.c (type_traits); the same numbers are gguf.constants.GGML_QUANT_SIZES of the Python package
// gguf.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace peftlab::io {

/// The numbers are those of the files.
enum class GgmlType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ8_1 = 9,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kQ8_K = 15,
  kIQ2_XXS = 16,
  kIQ2_XS = 17,
  kIQ3_XXS = 18,
  kIQ1_S = 19,
  kIQ4_NL = 20,
  kIQ3_S = 21,
  kIQ2_S = 22,
  kIQ4_XS = 23,
  kI8 = 24,
  kI16 = 25,
  kI32 = 26,
  kI64 = 27,
  kF64 = 28,
  kIQ1_M = 29,
  kBF16 = 30,
  kTQ1_0 = 34,
  kTQ2_0 = 35,
  kMXFP4 = 39,
  kNVFP4 = 40,
  kQ1_0 = 41
};

/// Nothing for numbers that name no type, or one that ggml removed.
std::optional<GgmlType> ggml_type(uint32_t number);

/// "Q4_K".
std::string name(GgmlType type);
/// Elements of one block; a row is a whole number of blocks.
uint64_t block_size(GgmlType type);
/// Bytes of one block.
uint64_t block_bytes(GgmlType type);

}  // namespace peftlab::io
