// Rows of root mean square normalisation.
#pragma once

#include <cstdint>

#include "core/kernels/loops/bfloat16.h"

namespace peftlab::kernels::loops {

/// One row of n elements; `factor` (n) is what the normalised row is multiplied by.
struct NormRow {
  int64_t n;
  float eps;
  const float* factor;
  bool cast_first;  // round the normalised row to the element type before multiplying
};

/// y = normalised x * factor; returns 1 / root mean square.
float norm_row(const NormRow& row, const float* x, float* y);
float norm_row(const NormRow& row, const Bfloat16* x, Bfloat16* y);

/// dx for dy; `rstd` is what norm_row returned.
void norm_row_back(const NormRow& row, const float* x, const float* dy, float rstd, float* dx);
void norm_row_back(const NormRow& row, const Bfloat16* x, const Bfloat16* dy, float rstd, Bfloat16* dx);

/// Adds this row's share to d_factor (n).
void norm_row_back_factor(const NormRow& row, const float* x, const float* dy, float rstd, float* d_factor);
void norm_row_back_factor(const NormRow& row, const Bfloat16* x, const Bfloat16* dy, float rstd, float* d_factor);

}  // namespace peftlab::kernels::loops
