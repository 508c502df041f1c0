#include "core/kernels/loops/tile_rows.h"

#include <algorithm>

namespace peftlab::kernels::loops {

namespace {

template <typename T>
PEFTLAB_INLINE void load(int64_t rows, int64_t width, const T* __restrict from, int64_t step, float scale,
                         float* __restrict to, int64_t to_step) {
  for (int64_t i = 0; i < rows; ++i, from += step, to += to_step) {
    for (int64_t j = 0; j < width; ++j) to[j] = scale * to_float(from[j]);
  }
}

template <typename T>
PEFTLAB_INLINE void transpose(int64_t rows, int64_t width, const T* __restrict from, int64_t step, float* __restrict to,
                              int64_t to_step) {
  constexpr int64_t kSquare = 16;  // so that both sides stay in the nearest cache
  for (int64_t first = 0; first < rows; first += kSquare) {
    const int64_t last = std::min(first + kSquare, rows);
    for (int64_t j = 0; j < width; ++j) {
      for (int64_t i = first; i < last; ++i) to[j * to_step + i] = to_float(from[i * step + j]);
    }
  }
}

template <typename T>
PEFTLAB_INLINE void scaled(int64_t width, const float* __restrict from, float scale, T* __restrict to) {
  for (int64_t j = 0; j < width; ++j) store(to + j, scale * from[j]);
}

}  // namespace

PEFTLAB_CLONES void load_rows(int64_t rows, int64_t width, const float* from, int64_t step, float scale, float* to,
                              int64_t to_step) {
  load(rows, width, from, step, scale, to, to_step);
}

PEFTLAB_CLONES void load_rows(int64_t rows, int64_t width, const Bfloat16* from, int64_t step, float scale, float* to,
                              int64_t to_step) {
  load(rows, width, from, step, scale, to, to_step);
}

PEFTLAB_CLONES void load_transposed(int64_t rows, int64_t width, const float* from, int64_t step, float* to,
                                    int64_t to_step) {
  transpose(rows, width, from, step, to, to_step);
}

PEFTLAB_CLONES void load_transposed(int64_t rows, int64_t width, const Bfloat16* from, int64_t step, float* to,
                                    int64_t to_step) {
  transpose(rows, width, from, step, to, to_step);
}

PEFTLAB_CLONES void store_row(int64_t width, const float* from, float scale, float* to) { scaled(width, from, scale, to); }

PEFTLAB_CLONES void store_row(int64_t width, const float* from, float scale, Bfloat16* to) { scaled(width, from, scale, to); }

PEFTLAB_CLONES void add_row(int64_t width, const float* __restrict from, float* __restrict to) {
  for (int64_t j = 0; j < width; ++j) to[j] += from[j];
}

}  // namespace peftlab::kernels::loops
