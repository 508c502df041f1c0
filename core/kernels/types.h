// Which type sums are made in, and when the fast loops apply.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include "core/kernels/loops/bfloat16.h"

namespace peftlab::kernels {

/// The type in which a result of type `type` is computed: float64 for float64, float32 for all else.
inline at::ScalarType sum_type(at::ScalarType type) { return type == at::kDouble ? at::kDouble : at::kFloat; }

/// Whether the loops over rows can work on x: in main memory, float32 or bfloat16.
inline bool has_fast_rows(const at::Tensor& x) {
  return x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

/// Whether autograd will ask for the gradient of a function of x.
inline bool wants_gradient(const at::Tensor& x) {
  return x.defined() && x.requires_grad() && c10::GradMode::is_enabled();
}

/// Calls f with a value of the element type that the loops use for `type`.
template <typename F>
void with_row_type(at::ScalarType type, F&& f) {
  if (type == at::kBFloat16) {
    f(loops::Bfloat16{});
  } else {
    f(float{});
  }
}

/// The elements of a contiguous x; null for an undefined one.
template <typename T>
const T* elements(const at::Tensor& x) {
  return x.defined() ? static_cast<const T*>(x.const_data_ptr()) : nullptr;
}

template <typename T>
T* mutable_elements(const at::Tensor& x) {
  return x.defined() ? static_cast<T*>(x.mutable_data_ptr()) : nullptr;
}

/// How many rows of n elements are worth a thread.
inline int64_t rows_for_a_thread(int64_t n) { return 1 + 16384 / (n + 1); }

}  // namespace peftlab::kernels
