#include "core/kernels/loops/tile_product.h"

#include "core/kernels/loops/wide_lane.h"

namespace peftlab::kernels::loops {

namespace {

static_assert(kTileWidth == kLaneWidth, "a block of a tile is so many whole lanes");

template <typename T>
struct Product {
  int64_t k;
  LeftTile a;
  const T* b;
  int64_t ldb;
  float* c;
  int64_t ldc;
  bool add;
};

/// kRows rows by kColumns lanes of c at (i, j), held in registers over the whole sum.
template <int kRows, int kColumns, typename T>
PEFTLAB_INLINE void block(const Product<T>& p, int64_t i, int64_t j) {
  Lane sums[kRows][kColumns];
  float* c = p.c + i * p.ldc + j;
  for (int r = 0; r < kRows; ++r) {
    for (int s = 0; s < kColumns; ++s) {
      sums[r][s] = Lane{};
      if (p.add) load(c + r * p.ldc + s * kTileWidth, sums[r][s]);
    }
  }
  const float* a = p.a.data + i * p.a.row_step;
  const T* b = p.b + j;
  for (int64_t l = 0; l < p.k; ++l, a += p.a.column_step, b += p.ldb) {
    Lane right[kColumns];
    for (int s = 0; s < kColumns; ++s) load(b + s * kTileWidth, right[s]);
    for (int r = 0; r < kRows; ++r) {
      const float left = a[r * p.a.row_step];
      for (int s = 0; s < kColumns; ++s) sums[r][s] += left * right[s];
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int s = 0; s < kColumns; ++s) store(c + r * p.ldc + s * kTileWidth, sums[r][s]);
  }
}

template <int kRows, int kColumns, typename T>
PEFTLAB_INLINE void rows_of_blocks(const Product<T>& p, int64_t m, int64_t j) {
  int64_t i = 0;
  for (; i + kRows <= m; i += kRows) block<kRows, kColumns>(p, i, j);
  for (; i + 3 <= m; i += 3) block<3, kColumns>(p, i, j);
  for (; i < m; ++i) block<1, kColumns>(p, i, j);
}

template <int kRows, int kColumns, typename T>
PEFTLAB_INLINE void all_blocks(const Product<T>& p, int64_t m, int64_t n) {
  int64_t j = 0;
  for (; j + kColumns * kTileWidth <= n; j += kColumns * kTileWidth) rows_of_blocks<kRows, kColumns>(p, m, j);
  for (; j < n; j += kTileWidth) rows_of_blocks<kRows, 1>(p, m, j);
}

#if defined(__x86_64__)
/// 24 sums in 32 registers of 16 lanes.
PEFTLAB_WIDE void wide_product(const Product<float>& p, int64_t m, int64_t n) { all_blocks<6, 4>(p, m, n); }
PEFTLAB_WIDE void wide_product(const Product<Bfloat16>& p, int64_t m, int64_t n) { all_blocks<6, 4>(p, m, n); }
#endif

/// 12 sums in 16 registers of 8 lanes.
PEFTLAB_CLONES void narrow_product(const Product<float>& p, int64_t m, int64_t n) { all_blocks<6, 1>(p, m, n); }
PEFTLAB_CLONES void narrow_product(const Product<Bfloat16>& p, int64_t m, int64_t n) { all_blocks<6, 1>(p, m, n); }

template <typename T>
void best_product(const Product<T>& product, int64_t m, int64_t n) {
#if defined(__x86_64__)
  if (has_wide_registers()) return wide_product(product, m, n);
#endif
  narrow_product(product, m, n);
}

}  // namespace

void tile_product(int64_t m, int64_t n, int64_t k, LeftTile a, const float* b, int64_t ldb, float* c, int64_t ldc, bool add) {
  best_product(Product<float>{k, a, b, ldb, c, ldc, add}, m, n);
}

void tile_product(int64_t m, int64_t n, int64_t k, LeftTile a, const Bfloat16* b, int64_t ldb, float* c, int64_t ldc, bool add) {
  best_product(Product<Bfloat16>{k, a, b, ldb, c, ldc, add}, m, n);
}

}  // namespace peftlab::kernels::loops
