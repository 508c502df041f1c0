// The products of low-rank factors on the matrix unit. Factors in float32 are taken as sums of two bfloat16, high +
// low, which hold 16 of their 24 bits; rows are bfloat16 and stay as they are. Results do not depend on how rows or
// columns are shared out. Reference: Henry, Tang, Heinecke, "Leveraging the bfloat16 Artificial Intelligence Datatype
// For Higher-Precision Computations" (2019), section 2.
#pragma once

#include <cstdint>

#include "core/kernels/loops/aligned.h"
#include "core/kernels/loops/bfloat16.h"
#include "core/kernels/loops/narrow_loops.h"
#include "core/kernels/loops/pairs.h"

namespace peftlab::kernels::loops {

/// Whether the functions here take rows of n elements.
bool rows_fit_unit(int64_t n);

/// A factor in the order that the unit wants: its high and its low parts as rows or columns of their own.
class UnitFactor {
 public:
  /// w (rank, n) turned, for narrow_product's right side.
  static UnitFactor right(int64_t rank, int64_t n, RowsOf<const float> w);
  /// u (rows, rank) turned, for narrow_gradient's left side.
  static UnitFactor left(int64_t rows, int64_t rank, RowsOf<const float> u);

  int64_t rank() const { return rank_; }
  int64_t step() const { return step_; }
  const Bfloat16* data() const { return numbers_.data(); }

 private:
  UnitFactor(int64_t rank, int64_t step, int64_t num_rows) : rank_(rank), step_(step), numbers_(step * num_rows) {}

  int64_t rank_, step_;
  AlignedVector<Bfloat16> numbers_;
};

/// As in narrow_loops.h; the sums run in order.
void narrow_product(int64_t rows, int64_t n, RowsOf<const Bfloat16> x, const UnitFactor& w, RowsOf<float> u);
void narrow_gradient(int64_t rows, int64_t n, const UnitFactor& u, RowsOf<const Bfloat16> x, RowsOf<float> g);

}  // namespace peftlab::kernels::loops
