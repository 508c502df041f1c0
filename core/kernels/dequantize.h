// Four-bit matrices decoded into memory that the caller has.
#pragma once

#include "core/kernels/quantized_storage.h"

namespace peftlab::kernels {

/// Writes the matrix into `to`: (out, in), contiguous, of any floating type, on the tensors' device.
void dequantize_into(const QuantizedTensors& tensors, const torch::Tensor& to);

}  // namespace peftlab::kernels
