#include "core/kernels/loops/narrow_unit.h"

#include <algorithm>

#include "core/kernels/loops/matrix_unit.h"
#include "core/kernels/loops/tile_rows.h"
#include "core/kernels/loops/wide_lane.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace peftlab::kernels::loops {

namespace {

constexpr int64_t kProductRows = 64;                            // whose sums fit the first cache
constexpr int64_t kGradientRows = 128, kGradientColumns = 128;  // which do so as pairs

PEFTLAB_CLONES void split_row(int64_t n, const float* __restrict from, Bfloat16* __restrict high,
                              Bfloat16* __restrict low) {
  for (int64_t i = 0; i < n; ++i) {
    high[i].bits = rounded_bits(from[i]);
    low[i].bits = rounded_bits(from[i] - to_float(high[i]));
  }
}

/// to[i] = high[i] + low[i].
PEFTLAB_CLONES void join_row(int64_t n, const float* high, const float* low, float* to) {
  for (int64_t i = 0; i < n; ++i) to[i] = high[i] + low[i];
}

#if defined(__x86_64__)

/// Rows `even` and `odd` of n elements as pairs, in this order in each 32: every other 4 columns from the first, then
/// the others.
PEFTLAB_WIDE void weave_rows(int64_t n, const Bfloat16* even, const Bfloat16* odd, Bfloat16* to) {
  for (int64_t i = 0; i < n; i += kUnitDepth) {
    const __m512i a = _mm512_loadu_si512(even + i), b = _mm512_loadu_si512(odd + i);
    _mm512_storeu_si512(to + 2 * i, _mm512_unpacklo_epi16(a, b));
    _mm512_storeu_si512(to + 2 * i + kUnitDepth, _mm512_unpackhi_epi16(a, b));
  }
}

#else

void weave_rows(int64_t, const Bfloat16*, const Bfloat16*, Bfloat16*) {}

#endif

/// Rows of sums in weave_rows' order, high and low, into the columns' own order.
PEFTLAB_CLONES void join_woven(int64_t n, const float* high, const float* low, float* to) {
  constexpr int64_t kRun = 4;
  for (int64_t i = 0; i < n; i += kUnitDepth) {
    for (int64_t j = 0; j < kUnitDepth; ++j) {
      const int64_t run = j / kRun, from = i + (run % 2) * kUnitSide + run / 2 * kRun + j % kRun;
      to[i + j] = high[from] + low[from];
    }
  }
}

void copy_rows(int64_t count, int64_t n, RowsOf<const Bfloat16> from, Bfloat16* to) {
  for (int64_t r = 0; r < count; ++r) std::copy_n(from.data + r * from.step, n, to + r * n);
}

}  // namespace

bool rows_fit_unit(int64_t n) { return n % kUnitDepth == 0 && n > 0 && has_matrix_unit(); }

UnitFactor UnitFactor::right(int64_t rank, int64_t n, RowsOf<const float> w) {
  UnitFactor factor(rank, 2 * unit_sides(2 * rank), n / 2);
  AlignedVector<Bfloat16> parts(2 * rank * n);
  for (int64_t k = 0; k < rank; ++k)
    split_row(n, w.data + k * w.step, parts.data() + k * n, parts.data() + (rank + k) * n);
  pair_columns(2 * rank, n, parts.data(), n, factor.numbers_.data(), factor.step_);
  return factor;
}

UnitFactor UnitFactor::left(int64_t rows, int64_t rank, RowsOf<const float> u) {
  UnitFactor factor(rank, unit_depths(rows), unit_sides(2 * rank));
  AlignedVector<float> turned(rank * rows);
  load_transposed(rows, rank, u.data, u.step, /*scale=*/1.0f, turned.data(), rows);
  for (int64_t k = 0; k < rank; ++k) {
    Bfloat16* high = factor.numbers_.data() + k * factor.step_;
    split_row(rows, turned.data() + k * rows, high, high + rank * factor.step_);
  }
  return factor;
}

void narrow_product(int64_t rows, int64_t n, RowsOf<const Bfloat16> x, const UnitFactor& w, RowsOf<float> u) {
  const MatrixUnit unit;
  const int64_t rank = w.rank(), columns = w.step() / 2;
  AlignedVector<float> sums(kProductRows * columns);
  AlignedVector<Bfloat16> last(rows % kUnitSide == 0 ? 0 : kUnitSide * n);
  for (int64_t first = 0; first < rows; first += kProductRows) {
    const int64_t count = std::min(kProductRows, rows - first), whole = count / kUnitSide * kUnitSide;
    const RowsOf<const Bfloat16> block{x.data + first * x.step, x.step};
    unit_product(whole, columns, n, block.data, x.step, {w.data(), w.step()}, sums.data(), columns, /*add=*/false);
    if (whole < count) {
      copy_rows(count - whole, n, {block.data + whole * x.step, x.step}, last.data());
      unit_product(kUnitSide, columns, n, last.data(), n, {w.data(), w.step()}, sums.data() + whole * columns, columns,
                   /*add=*/false);
    }
    for (int64_t r = 0; r < count; ++r) {
      const float* high = sums.data() + r * columns;
      join_row(rank, high, high + rank, u.data + (first + r) * u.step);
    }
  }
}

void narrow_gradient(int64_t rows, int64_t n, const UnitFactor& u, RowsOf<const Bfloat16> x, RowsOf<float> g) {
  const MatrixUnit unit;
  const int64_t rank = u.rank(), sides = unit_sides(2 * rank);
  AlignedVector<Bfloat16> pairs(kGradientRows * kGradientColumns), zeros(kGradientColumns);
  AlignedVector<float> sums(sides * n);
  for (int64_t first = 0; first < rows; first += kGradientRows) {
    const int64_t count = std::min(kGradientRows, rows - first), depth = unit_depths(count);
    for (int64_t column = 0; column < n; column += kGradientColumns) {
      const int64_t width = std::min(kGradientColumns, n - column);
      const Bfloat16* from = x.data + first * x.step + column;
      for (int64_t r = 0; r < depth; r += 2) {
        weave_rows(width, r < count ? from + r * x.step : zeros.data(),
                   r + 1 < count ? from + (r + 1) * x.step : zeros.data(), pairs.data() + r * kGradientColumns);
      }
      unit_product(sides, width, depth, u.data() + first, u.step(), {pairs.data(), 2 * kGradientColumns},
                   sums.data() + column, n,
                   /*add=*/first > 0);
    }
  }
  for (int64_t k = 0; k < rank; ++k) {
    const float* high = sums.data() + k * n;
    join_woven(n, high, high + rank * n, g.data + k * g.step);
  }
}

}  // namespace peftlab::kernels::loops
