#include "core/kernels/loops/norm_loops.h"

#include <cmath>

#include "core/kernels/loops/lanes.h"

namespace peftlab::kernels::loops {

namespace {

template <typename T>
PEFTLAB_INLINE float forward(const NormRow& row, const T* __restrict x, T* __restrict y) {
  const float* __restrict factor = row.factor;
  const float squares = sum_of(row.n, [x](int64_t i) { return to_float(x[i]) * to_float(x[i]); });
  const float rstd = 1.0f / std::sqrt(squares / static_cast<float>(row.n) + row.eps);
  if (row.cast_first) {
    for (int64_t i = 0; i < row.n; ++i) store(y + i, rounded_to<T>(to_float(x[i]) * rstd) * factor[i]);
  } else {
    for (int64_t i = 0; i < row.n; ++i) store(y + i, to_float(x[i]) * rstd * factor[i]);
  }
  return rstd;
}

template <typename T>
PEFTLAB_INLINE void back(const NormRow& row, const T* __restrict x, const T* __restrict dy, float rstd, T* __restrict dx) {
  const float* __restrict factor = row.factor;
  const float dot = sum_of(row.n, [=](int64_t i) { return to_float(dy[i]) * factor[i] * to_float(x[i]); });
  const float pull = dot * rstd * rstd / static_cast<float>(row.n);
  for (int64_t i = 0; i < row.n; ++i) {
    store(dx + i, rstd * (to_float(dy[i]) * factor[i] - to_float(x[i]) * pull));
  }
}

template <typename T>
PEFTLAB_INLINE void back_factor(const NormRow& row, const T* __restrict x, const T* __restrict dy, float rstd,
                                float* __restrict d_factor) {
  if (row.cast_first) {
    for (int64_t i = 0; i < row.n; ++i) d_factor[i] += to_float(dy[i]) * rounded_to<T>(to_float(x[i]) * rstd);
  } else {
    for (int64_t i = 0; i < row.n; ++i) d_factor[i] += to_float(dy[i]) * (to_float(x[i]) * rstd);
  }
}

}  // namespace

PEFTLAB_CLONES float norm_row(const NormRow& row, const float* x, float* y) { return forward(row, x, y); }

PEFTLAB_CLONES float norm_row(const NormRow& row, const Bfloat16* x, Bfloat16* y) { return forward(row, x, y); }

PEFTLAB_CLONES void norm_row_back(const NormRow& row, const float* x, const float* dy, float rstd, float* dx) {
  back(row, x, dy, rstd, dx);
}

PEFTLAB_CLONES void norm_row_back(const NormRow& row, const Bfloat16* x, const Bfloat16* dy, float rstd, Bfloat16* dx) {
  back(row, x, dy, rstd, dx);
}

PEFTLAB_CLONES void norm_row_back_factor(const NormRow& row, const float* x, const float* dy, float rstd, float* d_factor) {
  back_factor(row, x, dy, rstd, d_factor);
}

PEFTLAB_CLONES void norm_row_back_factor(const NormRow& row, const Bfloat16* x, const Bfloat16* dy, float rstd,
                                         float* d_factor) {
  back_factor(row, x, dy, rstd, d_factor);
}

}  // namespace peftlab::kernels::loops
