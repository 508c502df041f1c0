#include "core/kernels/loops/tile_rows.h"

#include <algorithm>
#include <cstring>

#include "core/kernels/loops/wide_lane.h"
#include "core/kernels/loops/word_square.h"

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
PEFTLAB_INLINE void transpose(int64_t rows, int64_t width, const T* __restrict from, int64_t step, float scale,
                              float* __restrict to, int64_t to_step) {
  constexpr int64_t kSquare = 16;  // so that both sides stay in the nearest cache
  for (int64_t first = 0; first < rows; first += kSquare) {
    const int64_t last = std::min(first + kSquare, rows);
    for (int64_t j = 0; j < width; ++j) {
      for (int64_t i = first; i < last; ++i) to[j * to_step + i] = scale * to_float(from[i * step + j]);
    }
  }
}

template <typename T>
PEFTLAB_INLINE void scaled(int64_t width, const float* __restrict from, float scale, T* __restrict to) {
  for (int64_t j = 0; j < width; ++j) store(to + j, scale * from[j]);
}

PEFTLAB_CLONES void plain_add_turned(int64_t rows, int64_t width, const float* __restrict from, int64_t step,
                                     float* __restrict to, int64_t to_step) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < width; ++j) to[i * to_step + j] += from[j * step + i];
  }
}

#if defined(__x86_64__)
/// rows and width are multiples of kSquare.
PEFTLAB_WIDE void wide_add_turned(int64_t rows, int64_t width, const float* from, int64_t step, float* to,
                                  int64_t to_step) {
  for (int64_t i = 0; i < rows; i += kSquare) {
    for (int64_t j = 0; j < width; j += kSquare) {
      Bits square[kSquare];
      for (int64_t l = 0; l < kSquare; ++l) std::memcpy(square + l, from + (j + l) * step + i, sizeof(Bits));
      turn_square(square);
      for (int64_t l = 0; l < kSquare; ++l) {
        float* sums = to + (i + l) * to_step + j;
        Lane sum, more;
        std::memcpy(&sum, sums, sizeof(Lane));
        std::memcpy(&more, square + l, sizeof(Lane));
        sum += more;
        std::memcpy(sums, &sum, sizeof(Lane));
      }
    }
  }
}
#endif

}  // namespace

PEFTLAB_CLONES void load_rows(int64_t rows, int64_t width, const float* from, int64_t step, float scale, float* to,
                              int64_t to_step) {
  load(rows, width, from, step, scale, to, to_step);
}

PEFTLAB_CLONES void load_rows(int64_t rows, int64_t width, const Bfloat16* from, int64_t step, float scale, float* to,
                              int64_t to_step) {
  load(rows, width, from, step, scale, to, to_step);
}

PEFTLAB_CLONES void load_transposed(int64_t rows, int64_t width, const float* from, int64_t step, float scale,
                                    float* to, int64_t to_step) {
  transpose(rows, width, from, step, scale, to, to_step);
}

PEFTLAB_CLONES void load_transposed(int64_t rows, int64_t width, const Bfloat16* from, int64_t step, float scale,
                                    float* to, int64_t to_step) {
  transpose(rows, width, from, step, scale, to, to_step);
}

PEFTLAB_CLONES void store_row(int64_t width, const float* from, float scale, float* to) { scaled(width, from, scale, to); }

PEFTLAB_CLONES void store_row(int64_t width, const float* from, float scale, Bfloat16* to) { scaled(width, from, scale, to); }

void add_turned(int64_t rows, int64_t width, const float* from, int64_t step, float* to, int64_t to_step) {
#if defined(__x86_64__)
  if (has_wide_registers()) {
    const int64_t whole = rows / kSquare * kSquare, deep = width / kSquare * kSquare;
    wide_add_turned(whole, deep, from, step, to, to_step);
    plain_add_turned(whole, width - deep, from + deep * step, step, to + deep, to_step);
    plain_add_turned(rows - whole, width, from + whole, step, to + whole * to_step, to_step);
    return;
  }
#endif
  plain_add_turned(rows, width, from, step, to, to_step);
}

PEFTLAB_CLONES void add_row(int64_t width, const float* __restrict from, float* __restrict to) {
  for (int64_t j = 0; j < width; ++j) to[j] += from[j];
}

}  // namespace peftlab::kernels::loops
