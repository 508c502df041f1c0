// y += u w where the processor rounds to bfloat16 by itself (AVX512_BF16): rounding by shifts takes longer than the
// products of eight ranks.
#pragma once

#include <cstdint>

#include "core/kernels/loops/bfloat16.h"
#include "core/kernels/loops/narrow_loops.h"

namespace peftlab::kernels::loops {

/// Whether the processor can, for rows of n elements.
bool rounds_rows(int64_t n);

/// As add_narrow_product. Numbers below 2^-126 become 0.
void rounding_update(int64_t rows, int64_t n, int64_t rank, RowsOf<const float> u, RowsOf<const float> w,
                     RowsOf<Bfloat16> y);

}  // namespace peftlab::kernels::loops
