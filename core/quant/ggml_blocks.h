// ggml's block formats, turned into f32. The values are those of gguf.quants.dequantize of the Python package gguf, bit
// for bit. Source of the layouts: ggml/src/ggml-common.h and ggml-quants.c, https://github.com/ggml-org/ggml.
#pragma once

#include <cstddef>
#include <string>

#include "core/io/ggml_types.h"

namespace peftlab::quant {

using io::block_bytes;
using io::block_size;
using io::GgmlType;
using io::name;

/// F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q4_K Q5_K Q6_K.
bool can_dequantize(GgmlType type);

/// Throws ConfigError "<where>: tensor type IQ2_XS is not supported; ..." for the others. Ask before anything is
/// allocated.
void require_dequantizable(GgmlType type, const std::string& where);

/// Writes `num_elements` floats. `src` holds num_elements / block_size(type) blocks and may stand unaligned. Any
/// thread; parts of a tensor that begin at whole blocks can be done apart. Throws ConfigError for a type that cannot be
/// dequantized, std::invalid_argument for a number of elements that is no whole number of blocks.
void dequantize(GgmlType type, const std::byte* src, size_t num_elements, float* dst);

}  // namespace peftlab::quant
