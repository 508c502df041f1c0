#include "core/kernels/loops/error_loops.h"

#include "core/kernels/loops/lanes.h"

namespace peftlab::kernels::loops {

PEFTLAB_CLONES ErrorSums error_sums(const float* x, const float* decoded, int64_t n) {
  // All in one pass, for the stretch is no longer in the first cache.
  float errors[kLanes] = {}, values[kLanes] = {}, squares[kLanes] = {};
  const auto add = [&](int64_t i, int64_t lane) {
    const float error = x[i] - decoded[i];
    errors[lane] += error * error;
    values[lane] += x[i];
    squares[lane] += x[i] * x[i];
  };
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t j = 0; j < kLanes; ++j) add(i + j, j);
  }
  for (; i < n; ++i) add(i, i % kLanes);
  const auto sum = [](const float* lanes) { return sum_of(kLanes, [=](int64_t j) { return lanes[j]; }); };
  return {sum(errors), sum(values), sum(squares)};
}

}  // namespace peftlab::kernels::loops
