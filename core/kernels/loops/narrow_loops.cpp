#include "core/kernels/loops/narrow_loops.h"

#include "core/kernels/loops/rounding_update.h"
#include "core/kernels/loops/wide_lane.h"

namespace peftlab::kernels::loops {

namespace {

// A block is so many rows of one operand by so many rows or lanes of the other, its sums held in registers.

/// One by one: an initialiser is compiled to a call that fills memory.
template <int kRows, int kColumns>
PEFTLAB_INLINE void clear(Lane (&sums)[kRows][kColumns]) {
  for (int r = 0; r < kRows; ++r) {
    for (int s = 0; s < kColumns; ++s) sums[r][s] = Lane{};
  }
}

template <typename T>
struct Product {
  int64_t n;
  RowsOf<const T> x;
  RowsOf<const float> w;
  RowsOf<float> u;
};

template <int kRows, int kRanks, typename T>
PEFTLAB_INLINE void product_block(const Product<T>& p, int64_t row, int64_t rank) {
  Lane sums[kRows][kRanks];
  clear(sums);
  const T* x = p.x.data + row * p.x.step;
  const float* w = p.w.data + rank * p.w.step;
  int64_t i = 0;
  for (; i + kLaneWidth <= p.n; i += kLaneWidth) {
    Lane left[kRows];
    for (int r = 0; r < kRows; ++r) load(x + r * p.x.step + i, left[r]);
    for (int s = 0; s < kRanks; ++s) {
      Lane right;
      load(w + s * p.w.step + i, right);
      for (int r = 0; r < kRows; ++r) sums[r][s] += left[r] * right;
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int s = 0; s < kRanks; ++s) {
      float sum = sum_of_lane(sums[r][s]);
      for (int64_t j = i; j < p.n; ++j) sum += to_float(x[r * p.x.step + j]) * w[s * p.w.step + j];
      p.u.data[(row + r) * p.u.step + rank + s] = sum;
    }
  }
}

template <int kRows, typename T>
PEFTLAB_INLINE void product_ranks(const Product<T>& p, int64_t row, int64_t ranks) {
  int64_t rank = 0;
  for (; rank + 8 <= ranks; rank += 8) product_block<kRows, 8>(p, row, rank);
  for (; rank + 4 <= ranks; rank += 4) product_block<kRows, 4>(p, row, rank);
  for (; rank < ranks; ++rank) product_block<kRows, 1>(p, row, rank);
}

template <int kRows, typename T>
PEFTLAB_INLINE void product(const Product<T>& p, int64_t rows, int64_t ranks) {
  int64_t row = 0;
  for (; row + kRows <= rows; row += kRows) product_ranks<kRows>(p, row, ranks);
  for (; row < rows; ++row) product_ranks<1>(p, row, ranks);
}

template <typename T>
struct Update {
  int64_t ranks;
  RowsOf<const float> u;
  RowsOf<const float> w;
  RowsOf<T> y;
};

template <int kRows, int kLanes, typename T>
PEFTLAB_INLINE void update_block(const Update<T>& p, int64_t row, int64_t column) {
  T* y = p.y.data + row * p.y.step + column;
  Lane sums[kRows][kLanes];
  for (int r = 0; r < kRows; ++r) {
    for (int l = 0; l < kLanes; ++l) load(y + r * p.y.step + l * kLaneWidth, sums[r][l]);
  }
  const float* u = p.u.data + row * p.u.step;
  const float* w = p.w.data + column;
  for (int64_t k = 0; k < p.ranks; ++k, w += p.w.step) {
    Lane right[kLanes];
    for (int l = 0; l < kLanes; ++l) load(w + l * kLaneWidth, right[l]);
    for (int r = 0; r < kRows; ++r) {
      const float left = u[r * p.u.step + k];
      for (int l = 0; l < kLanes; ++l) sums[r][l] += left * right[l];
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int l = 0; l < kLanes; ++l) store(y + r * p.y.step + l * kLaneWidth, sums[r][l]);
  }
}

template <typename T>
PEFTLAB_INLINE void update_element(const Update<T>& p, int64_t row, int64_t column) {
  T* y = p.y.data + row * p.y.step + column;
  float sum = to_float(*y);
  for (int64_t k = 0; k < p.ranks; ++k) sum += p.u.data[row * p.u.step + k] * p.w.data[k * p.w.step + column];
  store(y, sum);
}

template <int kRows, int kLanes, typename T>
PEFTLAB_INLINE void update_rows(const Update<T>& p, int64_t row, int64_t n) {
  int64_t column = 0;
  for (; column + kLanes * kLaneWidth <= n; column += kLanes * kLaneWidth) update_block<kRows, kLanes>(p, row, column);
  for (; column + kLaneWidth <= n; column += kLaneWidth) update_block<kRows, 1>(p, row, column);
  for (; column < n; ++column) {
    for (int r = 0; r < kRows; ++r) update_element(p, row + r, column);
  }
}

template <int kRows, int kLanes, typename T>
PEFTLAB_INLINE void update(const Update<T>& p, int64_t rows, int64_t n) {
  int64_t row = 0;
  for (; row + kRows <= rows; row += kRows) update_rows<kRows, kLanes>(p, row, n);
  for (; row < rows; ++row) update_rows<1, kLanes>(p, row, n);
}

template <typename T>
struct Gradient {
  int64_t rows;
  RowsOf<const float> u;
  RowsOf<const T> x;
  RowsOf<float> g;
};

template <int kRanks, int kLanes, typename T>
PEFTLAB_INLINE void gradient_block(const Gradient<T>& p, int64_t rank, int64_t column) {
  Lane sums[kRanks][kLanes];
  clear(sums);
  const float* u = p.u.data + rank;
  const T* x = p.x.data + column;
  for (int64_t row = 0; row < p.rows; ++row, u += p.u.step, x += p.x.step) {
    Lane right[kLanes];
    for (int l = 0; l < kLanes; ++l) load(x + l * kLaneWidth, right[l]);
    for (int s = 0; s < kRanks; ++s) {
      for (int l = 0; l < kLanes; ++l) sums[s][l] += u[s] * right[l];
    }
  }
  for (int s = 0; s < kRanks; ++s) {
    for (int l = 0; l < kLanes; ++l) store(p.g.data + (rank + s) * p.g.step + column + l * kLaneWidth, sums[s][l]);
  }
}

template <typename T>
PEFTLAB_INLINE void gradient_element(const Gradient<T>& p, int64_t rank, int64_t column) {
  float sum = 0.0f;
  for (int64_t row = 0; row < p.rows; ++row) sum += p.u.data[row * p.u.step + rank] * to_float(p.x.data[row * p.x.step + column]);
  p.g.data[rank * p.g.step + column] = sum;
}

template <int kLanes, typename T>
PEFTLAB_INLINE void gradient_ranks(const Gradient<T>& p, int64_t ranks, int64_t column) {
  int64_t rank = 0;
  for (; rank + 8 <= ranks; rank += 8) gradient_block<8, kLanes>(p, rank, column);
  for (; rank + 4 <= ranks; rank += 4) gradient_block<4, kLanes>(p, rank, column);
  for (; rank < ranks; ++rank) gradient_block<1, kLanes>(p, rank, column);
}

template <int kLanes, typename T>
PEFTLAB_INLINE void gradient(const Gradient<T>& p, int64_t ranks, int64_t n) {
  int64_t column = 0;
  for (; column + kLanes * kLaneWidth <= n; column += kLanes * kLaneWidth) gradient_ranks<kLanes>(p, ranks, column);
  for (; column + kLaneWidth <= n; column += kLaneWidth) gradient_ranks<1>(p, ranks, column);
  for (; column < n; ++column) {
    for (int64_t rank = 0; rank < ranks; ++rank) gradient_element(p, rank, column);
  }
}

// Blocks of 24 sums where there are 32 registers, of up to 8 sums of two registers each where there are 16.
#if defined(__x86_64__)
#define PEFTLAB_LEVELS(T)                                                                                              \
  PEFTLAB_WIDE void wide(const Product<T>& p, int64_t rows, int64_t ranks) { product<3>(p, rows, ranks); }             \
  PEFTLAB_WIDE void wide(const Update<T>& p, int64_t rows, int64_t n) { update<6, 4>(p, rows, n); }                    \
  PEFTLAB_WIDE void wide(const Gradient<T>& p, int64_t ranks, int64_t n) { gradient<3>(p, ranks, n); }                 \
  PEFTLAB_NARROW(T)
#else
#define PEFTLAB_LEVELS(T) PEFTLAB_NARROW(T)
#endif
#define PEFTLAB_NARROW(T)                                                                                              \
  PEFTLAB_CLONES void narrow(const Product<T>& p, int64_t rows, int64_t ranks) { product<1>(p, rows, ranks); }         \
  PEFTLAB_CLONES void narrow(const Update<T>& p, int64_t rows, int64_t n) { update<6, 1>(p, rows, n); }                \
  PEFTLAB_CLONES void narrow(const Gradient<T>& p, int64_t ranks, int64_t n) { gradient<1>(p, ranks, n); }

PEFTLAB_LEVELS(float)
PEFTLAB_LEVELS(Bfloat16)

/// a, b: the two sizes that the blocks run over.
template <typename Job>
void run(const Job& job, int64_t a, int64_t b) {
#if defined(__x86_64__)
  if (has_wide_registers()) return wide(job, a, b);
#endif
  narrow(job, a, b);
}

}  // namespace

void narrow_product(int64_t rows, int64_t n, int64_t rank, RowsOf<const float> x, RowsOf<const float> w, RowsOf<float> u) {
  run(Product<float>{n, x, w, u}, rows, rank);
}

void narrow_product(int64_t rows, int64_t n, int64_t rank, RowsOf<const Bfloat16> x, RowsOf<const float> w, RowsOf<float> u) {
  run(Product<Bfloat16>{n, x, w, u}, rows, rank);
}

void add_narrow_product(int64_t rows, int64_t n, int64_t rank, RowsOf<const float> u, RowsOf<const float> w, RowsOf<float> y) {
  run(Update<float>{rank, u, w, y}, rows, n);
}

void add_narrow_product(int64_t rows, int64_t n, int64_t rank, RowsOf<const float> u, RowsOf<const float> w,
                        RowsOf<Bfloat16> y) {
  if (rounds_rows(n)) return rounding_update(rows, n, rank, u, w, y);
  run(Update<Bfloat16>{rank, u, w, y}, rows, n);
}

void narrow_gradient(int64_t rows, int64_t n, int64_t rank, RowsOf<const float> u, RowsOf<const float> x, RowsOf<float> g) {
  run(Gradient<float>{rows, u, x, g}, rank, n);
}

void narrow_gradient(int64_t rows, int64_t n, int64_t rank, RowsOf<const float> u, RowsOf<const Bfloat16> x, RowsOf<float> g) {
  run(Gradient<Bfloat16>{rows, u, x, g}, rank, n);
}

}  // namespace peftlab::kernels::loops
