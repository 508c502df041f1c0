// The products of low-rank factors: one side has many rows, the other a few columns. Sums are in float32; results do not
// depend on how rows or columns are shared out among threads.
#pragma once

#include <cstdint>

#include "core/kernels/loops/bfloat16.h"

namespace peftlab::kernels::loops {

/// A matrix by rows that lie `step` elements apart.
template <typename T>
struct RowsOf {
  T* data;
  int64_t step;
};

/// u = x w': x (rows, n), w (rank, n), u (rows, rank). The sum over n runs in sixteen lanes.
void narrow_product(int64_t rows, int64_t n, int64_t rank, RowsOf<const float> x, RowsOf<const float> w, RowsOf<float> u);
void narrow_product(int64_t rows, int64_t n, int64_t rank, RowsOf<const Bfloat16> x, RowsOf<const float> w, RowsOf<float> u);

/// y += u w: y (rows, n), u (rows, rank), w (rank, n). Each element of y is rounded once.
void add_narrow_product(int64_t rows, int64_t n, int64_t rank, RowsOf<const float> u, RowsOf<const float> w, RowsOf<float> y);
void add_narrow_product(int64_t rows, int64_t n, int64_t rank, RowsOf<const float> u, RowsOf<const float> w,
                        RowsOf<Bfloat16> y);

/// g = u' x: u (rows, rank), x (rows, n), g (rank, n). The sum over rows runs in order.
void narrow_gradient(int64_t rows, int64_t n, int64_t rank, RowsOf<const float> u, RowsOf<const float> x, RowsOf<float> g);
void narrow_gradient(int64_t rows, int64_t n, int64_t rank, RowsOf<const float> u, RowsOf<const Bfloat16> x, RowsOf<float> g);

}  // namespace peftlab::kernels::loops
