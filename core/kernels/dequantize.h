// Four-bit matrices decoded into memory that the caller has.
#pragma once

#include "core/kernels/quantized_storage.h"

namespace peftlab::kernels {

/// Writes the matrix into `to`: (out, in), contiguous, of any floating type, on the tensors' device.
void dequantize_into(const QuantizedTensors& tensors, const torch::Tensor& to);

/// Writes the elements of the blocks [first, last) into `to`; the tensors are in main memory.
void dequantize_blocks(const QuantizedTensors& tensors, int64_t first, int64_t last, float* to);

}  // namespace peftlab::kernels
