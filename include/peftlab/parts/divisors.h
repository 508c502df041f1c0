// How sizes are cut into equal parts, as PEFT chooses them.
#pragma once

#include <cstdint>

namespace peftlab {

/// The divisor of `size` nearest to `wanted`, the smaller of two equally near; `size` itself where `wanted` is larger.
int64_t nearest_divisor(int64_t size, int64_t wanted);

struct TwoFactors {
  int64_t first;
  int64_t second;
};

/// size = first * second: `factor` and the rest where it divides; otherwise the most square pair whose smaller part,
/// the first, is at most `factor` (-1: any).
TwoFactors two_factors(int64_t size, int64_t factor);

}  // namespace peftlab
