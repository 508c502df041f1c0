#include "core/kernels/loops/importance_loops.h"

#include <cmath>

#include "core/kernels/loops/clones.h"

namespace peftlab::kernels::loops {

PEFTLAB_CLONES void observe_importance(int64_t n, const float* value, const float* gradient, double keep_mean,
                                       double keep_spread, float* __restrict mean, float* __restrict spread) {
  const auto old_mean = static_cast<float>(keep_mean), new_mean = static_cast<float>(1.0 - keep_mean);
  const auto old_spread = static_cast<float>(keep_spread), new_spread = static_cast<float>(1.0 - keep_spread);
  for (int64_t i = 0; i < n; ++i) {
    const float importance = std::fabs(value[i] * gradient[i]);
    mean[i] = old_mean * mean[i] + new_mean * importance;
    spread[i] = old_spread * spread[i] + new_spread * std::fabs(importance - mean[i]);
  }
}

}  // namespace peftlab::kernels::loops
