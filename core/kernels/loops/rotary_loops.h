// Rows of rotary position embedding.
#pragma once

#include <cstdint>

#include "core/kernels/loops/bfloat16.h"

namespace peftlab::kernels::loops {

/// What one token's heads share.
struct RotaryRow {
  int64_t heads;
  int64_t width;     // D
  int64_t half;      // R/2
  bool pairs;        // adjacent elements belong together
  float direction;   // 1, or -1 for the inverse
  const float* cos;  // (R/2)
  const float* sin;  // (R/2)
};

/// Rotates the heads of one token, (heads, width).
void rotary_row(const RotaryRow& row, const float* x, float* y);
void rotary_row(const RotaryRow& row, const Bfloat16* x, Bfloat16* y);

}  // namespace peftlab::kernels::loops
