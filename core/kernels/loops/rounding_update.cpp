#include "core/kernels/loops/rounding_update.h"

#include "core/kernels/loops/wide_lane.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace peftlab::kernels::loops {

#if defined(__x86_64__)

namespace {

#define PEFTLAB_ROUNDING __attribute__((target(PEFTLAB_WIDE_TARGET ",avx512bf16")))

constexpr int64_t kStep = 2 * kLaneWidth;  // what one rounding instruction writes

struct Update {
  int64_t rank;
  RowsOf<const float> u, w;
  RowsOf<Bfloat16> y;
};

/// (GCC 12 builds the unmasked forms on a variable without a value, and warns.)
PEFTLAB_ROUNDING inline __m512 widened(const Bfloat16* from) {
  constexpr __mmask16 kAll = 0xFFFF;
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return _mm512_castsi512_ps(_mm512_maskz_slli_epi32(kAll, _mm512_maskz_cvtepu16_epi32(kAll, half), 16));
}

/// kRows rows by kSteps * kStep columns, their sums held in registers.
template <int kRows, int kSteps>
PEFTLAB_ROUNDING void block(const Update& p, int64_t row, int64_t column) {
  constexpr int kLanes = 2 * kSteps;
  Bfloat16* y = p.y.data + row * p.y.step + column;
  __m512 sums[kRows][kLanes];
  for (int r = 0; r < kRows; ++r) {
    for (int l = 0; l < kLanes; ++l) sums[r][l] = widened(y + r * p.y.step + l * kLaneWidth);
  }
  const float *u = p.u.data + row * p.u.step, *w = p.w.data + column;
  for (int64_t k = 0; k < p.rank; ++k, w += p.w.step) {
    __m512 right[kLanes];
    for (int l = 0; l < kLanes; ++l) right[l] = _mm512_loadu_ps(w + l * kLaneWidth);
    for (int r = 0; r < kRows; ++r) {
      const __m512 left = _mm512_set1_ps(u[r * p.u.step + k]);
      for (int l = 0; l < kLanes; ++l) sums[r][l] = _mm512_fmadd_ps(left, right[l], sums[r][l]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int l = 0; l < kLanes; l += 2) {
      const __m512bh both = _mm512_cvtne2ps_pbh(sums[r][l + 1], sums[r][l]);
      std::memcpy(y + r * p.y.step + l * kLaneWidth, &both, sizeof(both));
    }
  }
}

template <int kRows>
void columns(const Update& p, int64_t row, int64_t n) {
  int64_t column = 0;
  for (; column + 2 * kStep <= n; column += 2 * kStep) block<kRows, 2>(p, row, column);
  if (column < n) block<kRows, 1>(p, row, column);
}

}  // namespace

bool rounds_rows(int64_t n) {
  static const bool can = has_wide_registers() && __builtin_cpu_supports("avx512bf16");
  return can && n % kStep == 0;
}

void rounding_update(int64_t rows, int64_t n, int64_t rank, RowsOf<const float> u, RowsOf<const float> w,
                     RowsOf<Bfloat16> y) {
  const Update update{rank, u, w, y};
  int64_t row = 0;
  for (; row + 6 <= rows; row += 6) columns<6>(update, row, n);
  for (; row < rows; ++row) columns<1>(update, row, n);
}

#else

bool rounds_rows(int64_t) { return false; }
void rounding_update(int64_t, int64_t, int64_t, RowsOf<const float>, RowsOf<const float>, RowsOf<Bfloat16>) {}

#endif

}  // namespace peftlab::kernels::loops
