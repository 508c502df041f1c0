// Products of small matrices that lie in cache, summed in float32, for attention.
#pragma once

#include <cstdint>

#include "core/kernels/loops/bfloat16.h"

namespace peftlab::kernels::loops {

/// Rows and columns that widths of `b` and `c` are rounded up to.
inline constexpr int64_t kTileWidth = 16;

constexpr int64_t padded(int64_t n) { return (n + kTileWidth - 1) / kTileWidth * kTileWidth; }

/// a (m, k), element (i, j) at i * row_step + j * column_step.
struct LeftTile {
  const float* data;
  int64_t row_step;
  int64_t column_step;
};

/// c = a b, or c += a b with `add`: a (m, k), b (k, n) with rows ldb apart, c (m, n) with rows ldc apart; n a multiple of
/// kTileWidth. The sum over k runs in order.
void tile_product(int64_t m, int64_t n, int64_t k, LeftTile a, const float* b, int64_t ldb, float* c, int64_t ldc, bool add);
void tile_product(int64_t m, int64_t n, int64_t k, LeftTile a, const Bfloat16* b, int64_t ldb, float* c, int64_t ldc, bool add);

}  // namespace peftlab::kernels::loops
