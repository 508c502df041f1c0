#include "core/kernels/loops/rotary_loops.h"

// Product and sum rounded one by one, as in the plain operations, whatever the processor could join.
#if defined(__clang__)
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

namespace peftlab::kernels::loops {

namespace {

template <typename T>
PEFTLAB_INLINE void rotate_halves(const RotaryRow& row, const T* __restrict x, T* __restrict y) {
  for (int64_t i = 0; i < row.half; ++i) {
    const float a = to_float(x[i]), b = to_float(x[row.half + i]);
    const float c = row.cos[i], s = row.direction * row.sin[i];
    const float ac = a * c, bs = b * s, bc = b * c, as = a * s;
    store(y + i, ac - bs);
    store(y + row.half + i, bc + as);
  }
}

template <typename T>
PEFTLAB_INLINE void rotate_pairs(const RotaryRow& row, const T* __restrict x, T* __restrict y) {
  for (int64_t i = 0; i < row.half; ++i) {
    const float a = to_float(x[2 * i]), b = to_float(x[2 * i + 1]);
    const float c = row.cos[i], s = row.direction * row.sin[i];
    const float ac = a * c, bs = b * s, bc = b * c, as = a * s;
    store(y + 2 * i, ac - bs);
    store(y + 2 * i + 1, bc + as);
  }
}

template <typename T>
PEFTLAB_INLINE void rotate_all(const RotaryRow& row, const T* x, T* y) {
  for (int64_t head = 0; head < row.heads; ++head, x += row.width, y += row.width) {
    if (row.pairs) {
      rotate_pairs(row, x, y);
    } else {
      rotate_halves(row, x, y);
    }
    for (int64_t i = 2 * row.half; i < row.width; ++i) y[i] = x[i];
  }
}

}  // namespace

PEFTLAB_CLONES void rotary_row(const RotaryRow& row, const float* x, float* y) { rotate_all(row, x, y); }

PEFTLAB_CLONES void rotary_row(const RotaryRow& row, const Bfloat16* x, Bfloat16* y) { rotate_all(row, x, y); }

}  // namespace peftlab::kernels::loops
