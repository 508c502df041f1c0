// Sums that say how far one stretch of values is from another.
#pragma once

#include <cstdint>

namespace peftlab::kernels::loops {

struct ErrorSums {
  double squared_errors = 0.0;  // of the second stretch against the first
  double values = 0.0;          // of the first
  double squares = 0.0;         // of the first
};

/// n values each, in float32: for stretches of thousands.
ErrorSums error_sums(const float* x, const float* decoded, int64_t n);

}  // namespace peftlab::kernels::loops
