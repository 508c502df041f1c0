// How many rows libtorch's products should be given.
#pragma once

#include <ATen/core/Tensor.h>

namespace peftlab::kernels {

/// libtorch makes code for every number of rows that a bfloat16 product meets on the CPU, which takes a tenth of a
/// training step where each batch has another number. Multiples of this come again after a few steps, and cost a few
/// rows: the processor's tiles hold as many.
inline constexpr int64_t kRowMultiple = 32;

inline bool makes_code_for_rows(at::ScalarType type, at::Device device) {
  return type == at::kBFloat16 && device.is_cpu();
}

/// `rows` rounded up to what is best given to a product.
inline int64_t best_rows(int64_t rows, at::ScalarType type, at::Device device) {
  return makes_code_for_rows(type, device) ? (rows + kRowMultiple - 1) / kRowMultiple * kRowMultiple : rows;
}

}  // namespace peftlab::kernels
