// Matrices of bfloat16 whose rows lie two by two, as processors want the right side of a product.
#pragma once

#include <cstdint>

#include "core/kernels/loops/bfloat16.h"

namespace peftlab::kernels::loops {

/// (k, n) as (k / 2, n, 2): element (l, j) stands at l / 2 * step + 2 * j + l % 2. `step` is even, in elements.
struct Pairs {
  const Bfloat16* data;
  int64_t step;
};

/// Writes from (count, width), rows `from_step` apart, as rows `first` and on of pairs; other rows stay.
void pair_rows(int64_t first, int64_t count, int64_t width, const Bfloat16* from, int64_t from_step, Bfloat16* to,
               int64_t to_step);
/// The same, rounded from float32.
void pair_rows(int64_t first, int64_t count, int64_t width, const float* from, int64_t from_step, Bfloat16* to,
               int64_t to_step);

/// Writes from (count, width), rows `from_step` apart, as columns 0 .. count - 1 of pairs: row l holds from's column l.
/// `width` is even.
void pair_columns(int64_t count, int64_t width, const Bfloat16* from, int64_t from_step, Bfloat16* to, int64_t to_step);

}  // namespace peftlab::kernels::loops
