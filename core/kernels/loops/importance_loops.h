// One pass over a trained tensor, its gradient and the averages of its importance.
#pragma once

#include <cstdint>

namespace peftlab::kernels::loops {

/// peftlab::observe_importance of n numbers.
void observe_importance(int64_t n, const float* value, const float* gradient, double keep_mean, double keep_spread,
                        float* mean, float* spread);

}  // namespace peftlab::kernels::loops
