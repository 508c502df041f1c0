#include "core/kernels/loops/error_loops.h"

#include "core/kernels/loops/lanes.h"

namespace peftlab::kernels::loops {

PEFTLAB_CLONES ErrorSums error_sums(const float* x, const float* decoded, int64_t n) {
  const float errors = sum_of(n, [=](int64_t i) { return (x[i] - decoded[i]) * (x[i] - decoded[i]); });
  const float values = sum_of(n, [=](int64_t i) { return x[i]; });
  const float squares = sum_of(n, [=](int64_t i) { return x[i] * x[i]; });
  return {errors, values, squares};
}

}  // namespace peftlab::kernels::loops
