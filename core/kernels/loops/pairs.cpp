#include "core/kernels/loops/pairs.h"

#include <cstring>

#include "core/kernels/loops/wide_lane.h"
#include "core/kernels/loops/word_square.h"

namespace peftlab::kernels::loops {

namespace {

constexpr uint32_t kLow = 0xFFFFu;

PEFTLAB_INLINE uint32_t bits_of(Bfloat16 x) { return x.bits; }
PEFTLAB_INLINE uint32_t bits_of(float x) { return rounded_bits(x); }

PEFTLAB_INLINE uint32_t* words(Bfloat16* pairs) { return reinterpret_cast<uint32_t*>(pairs); }

template <typename T>
PEFTLAB_INLINE void both(int64_t width, const T* __restrict even, const T* __restrict odd, uint32_t* __restrict to) {
  for (int64_t j = 0; j < width; ++j) to[j] = bits_of(even[j]) | bits_of(odd[j]) << 16;
}

template <typename T>
PEFTLAB_INLINE void one(int64_t width, bool is_odd, const T* __restrict from, uint32_t* __restrict to) {
  if (is_odd) {
    for (int64_t j = 0; j < width; ++j) to[j] = (to[j] & kLow) | bits_of(from[j]) << 16;
  } else {
    for (int64_t j = 0; j < width; ++j) to[j] = (to[j] & ~kLow) | bits_of(from[j]);
  }
}

template <typename T>
PEFTLAB_INLINE void rows_of_pairs(int64_t first, int64_t count, int64_t width, const T* from, int64_t from_step,
                                  Bfloat16* to, int64_t to_step) {
  const int64_t last = first + count;
  int64_t row = first;
  if (row % 2 == 1 && row < last) one(width, true, from, words(to + row++ / 2 * to_step));
  for (; row + 1 < last; row += 2) {
    const T* even = from + (row - first) * from_step;
    both(width, even, even + from_step, words(to + row / 2 * to_step));
  }
  if (row < last) one(width, false, from + (row - first) * from_step, words(to + row / 2 * to_step));
}

/// from (count, width) as words (width, count), one by one.
PEFTLAB_INLINE void turn_words(int64_t count, int64_t width, const Bfloat16* from, int64_t from_step, Bfloat16* to,
                               int64_t to_step) {
  for (int64_t l = 0; l + 1 < width; l += 2) {
    uint32_t* row = words(to + l / 2 * to_step);
    for (int64_t j = 0; j < count; ++j) std::memcpy(row + j, from + j * from_step + l, sizeof(uint32_t));
  }
}

PEFTLAB_CLONES void plain_columns(int64_t count, int64_t width, const Bfloat16* from, int64_t from_step, Bfloat16* to,
                                  int64_t to_step) {
  turn_words(count, width, from, from_step, to, to_step);
}

#if defined(__x86_64__)

PEFTLAB_WIDE void wide_columns(int64_t count, int64_t width, const Bfloat16* from, int64_t from_step, Bfloat16* to,
                               int64_t to_step) {
  for (int64_t j = 0; j < count; j += kSquare) {
    for (int64_t l = 0; l < width; l += 2 * kSquare) {
      Bits rows[kSquare];
      for (int64_t i = 0; i < kSquare; ++i) std::memcpy(rows + i, from + (j + i) * from_step + l, sizeof(Bits));
      turn_square(rows);
      for (int64_t i = 0; i < kSquare; ++i) std::memcpy(to + (l / 2 + i) * to_step + 2 * j, rows + i, sizeof(Bits));
    }
  }
}
#endif

}  // namespace

PEFTLAB_CLONES void pair_rows(int64_t first, int64_t count, int64_t width, const Bfloat16* from, int64_t from_step,
                              Bfloat16* to, int64_t to_step) {
  rows_of_pairs(first, count, width, from, from_step, to, to_step);
}

PEFTLAB_CLONES void pair_rows(int64_t first, int64_t count, int64_t width, const float* from, int64_t from_step,
                              Bfloat16* to, int64_t to_step) {
  rows_of_pairs(first, count, width, from, from_step, to, to_step);
}

void pair_columns(int64_t count, int64_t width, const Bfloat16* from, int64_t from_step, Bfloat16* to,
                  int64_t to_step) {
#if defined(__x86_64__)
  if (has_wide_registers()) {
    const int64_t whole = count / kSquare * kSquare, deep = width / (2 * kSquare) * 2 * kSquare;
    wide_columns(whole, deep, from, from_step, to, to_step);
    plain_columns(whole, width - deep, from + deep, from_step, to + deep / 2 * to_step, to_step);
    plain_columns(count - whole, width, from + whole * from_step, from_step, to + 2 * whole, to_step);
    return;
  }
#endif
  plain_columns(count, width, from, from_step, to, to_step);
}

}  // namespace peftlab::kernels::loops
