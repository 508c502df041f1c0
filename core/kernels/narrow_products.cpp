#include "core/kernels/narrow_products.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>

#include "core/kernels/loops/matrix_unit.h"
#include "core/kernels/loops/narrow_loops.h"
#include "core/kernels/loops/narrow_unit.h"
#include "core/kernels/loops/tile_rows.h"
#include "core/kernels/loops/wide_lane.h"
#include "core/kernels/parallel.h"
#include "core/kernels/types.h"

namespace peftlab::kernels {

namespace {

using loops::RowsOf;

// Beyond it libtorch's products are as fast.
constexpr int64_t kMostRanks = 32;

at::Tensor by_rows(const at::Tensor& x) { return x.stride(1) == 1 ? x : x.contiguous(); }

at::Tensor factor(const at::Tensor& w) { return by_rows(w.to(at::kFloat)); }

template <typename T>
RowsOf<const T> from_row(const at::Tensor& x, int64_t row, int64_t column = 0) {
  return {elements<T>(x) + row * x.stride(0) + column, x.stride(0)};
}

template <typename T>
RowsOf<T> to_row(const at::Tensor& x, int64_t row, int64_t column = 0) {
  return {mutable_elements<T>(x) + row * x.stride(0) + column, x.stride(0)};
}

bool on_unit(const at::Tensor& rows, int64_t rank) {
  return rows.scalar_type() == at::kBFloat16 && rank > 0 && loops::rows_fit_unit(rows.size(1));
}

/// f(first, count) for shares of `size` in whole steps; `work`: of one.
template <typename F>
void share(int64_t size, int64_t step, int64_t work, const F& f) {
  parallel_for(0, (size + step - 1) / step, rows_for_a_thread(step * work),
               [&](int64_t begin, int64_t end) { f(begin * step, std::min(end * step, size) - begin * step); });
}

void product_on_unit(const at::Tensor& x, const at::Tensor& w, const at::Tensor& u) {
  const int64_t n = x.size(1);
  const auto factor = loops::UnitFactor::right(w.size(0), n, from_row<float>(w, 0));
  share(x.size(0), loops::kUnitSide, n, [&](int64_t first, int64_t count) {
    loops::narrow_product(count, n, from_row<loops::Bfloat16>(x, first), factor, to_row<float>(u, first));
  });
}

void gradient_on_unit(const at::Tensor& u, const at::Tensor& x, const at::Tensor& g) {
  const int64_t rows = x.size(0);
  const auto factor = loops::UnitFactor::left(rows, u.size(1), from_row<float>(u, 0));
  share(x.size(1), loops::kUnitDepth, rows, [&](int64_t first, int64_t count) {
    loops::narrow_gradient(rows, count, factor, from_row<loops::Bfloat16>(x, 0, first), to_row<float>(g, 0, first));
  });
}

}  // namespace

bool has_narrow_loops(const at::Tensor& x, int64_t rank) { return has_fast_rows(x) && rank <= kMostRanks; }

at::Tensor narrow_product(const at::Tensor& x, const at::Tensor& w) {
  if (!has_narrow_loops(x, w.size(0))) return at::mm(x, w.to(x.scalar_type()).t());
  const auto u = at::empty({x.size(0), w.size(0)}, x.options().dtype(at::kFloat));
  narrow_product_into(x, w, u);
  return u;
}

void narrow_product_into(const at::Tensor& x, const at::Tensor& w, const at::Tensor& u) {
  const int64_t rank = w.size(0), n = x.size(1);
  if (!has_narrow_loops(x, rank) || u.scalar_type() != at::kFloat) {
    u.copy_(narrow_product(x, w));
    return;
  }
  const auto left = by_rows(x), right = factor(w);
  if (on_unit(x, rank)) return product_on_unit(left, right, u);
  with_row_type(x.scalar_type(), [&](auto tag) {
    using T = decltype(tag);
    parallel_for(0, x.size(0), rows_for_a_thread(n * rank / 4), [&](int64_t begin, int64_t end) {
      loops::narrow_product(end - begin, n, rank, from_row<T>(left, begin), from_row<float>(right, 0), to_row<float>(u, begin));
    });
  });
}

void add_narrow_product(const at::Tensor& y, const at::Tensor& u, const at::Tensor& w) {
  const int64_t rank = w.size(0), n = y.size(1);
  if (!has_narrow_loops(y, rank)) {
    y.addmm_(u.to(y.scalar_type()), w.to(y.scalar_type()));
    return;
  }
  const auto left = factor(u), right = factor(w);
  with_row_type(y.scalar_type(), [&](auto tag) {
    using T = decltype(tag);
    parallel_for(0, y.size(0), rows_for_a_thread(n * rank / 4), [&](int64_t begin, int64_t end) {
      loops::add_narrow_product(end - begin, n, rank, from_row<float>(left, begin), from_row<float>(right, 0), to_row<T>(y, begin));
    });
  });
}

at::Tensor narrow_gradient(const at::Tensor& u, const at::Tensor& x) {
  const int64_t rank = u.size(1), n = x.size(1), rows = x.size(0);
  if (!has_narrow_loops(x, rank)) return at::mm(u.to(x.scalar_type()).t(), x);
  const auto left = factor(u), right = by_rows(x);
  const auto g = at::empty({rank, n}, x.options().dtype(at::kFloat));
  if (on_unit(x, rank)) {
    gradient_on_unit(left, right, g);
    return g;
  }
  // Threads take whole lanes, so that each element is summed in the same way whoever sums it.
  constexpr int64_t kColumns = loops::kLaneWidth;
  with_row_type(x.scalar_type(), [&](auto tag) {
    using T = decltype(tag);
    parallel_for(0, (n + kColumns - 1) / kColumns, rows_for_a_thread(kColumns * rows * rank / 4), [&](int64_t begin, int64_t end) {
      const int64_t first = begin * kColumns, width = std::min(end * kColumns, n) - first;
      loops::narrow_gradient(rows, width, rank, from_row<float>(left, 0), from_row<T>(right, 0, first), to_row<float>(g, 0, first));
    });
  });
  return g;
}

at::Tensor turned(const at::Tensor& w, double scale) {
  const auto result = at::empty({w.size(1), w.size(0)}, w.options());
  if (w.device().is_cpu() && w.scalar_type() == at::kFloat && w.stride(1) == 1) {
    loops::load_transposed(w.size(0), w.size(1), elements<float>(w), w.stride(0), static_cast<float>(scale),
                           mutable_elements<float>(result), w.size(0));
    return result;
  }
  result.copy_(w.t());
  return scale == 1.0 ? result : result.mul_(scale);
}

}  // namespace peftlab::kernels
