#include "core/kernels/narrow_products.h"

#include <torch/types.h>
#include <torch/utils.h>

namespace peftlab::kernels {

namespace {

// Above these ranks the upright product was as fast (float32 and bfloat16, 400 to 1240 rows, AVX-512).
constexpr int64_t kNarrowProduct = 8;
constexpr int64_t kNarrowGradient = 24;

}  // namespace

at::Tensor narrow_product(const at::Tensor& x, const at::Tensor& w) {
  if (!x.device().is_cpu() || w.size(1) > kNarrowProduct) return at::mm(x, w);
  return at::mm(w.t(), x.t()).t().contiguous();
}

at::Tensor narrow_gradient(const at::Tensor& y, const at::Tensor& u) {
  if (!y.device().is_cpu() || u.size(1) > kNarrowGradient) return at::mm(y.t(), u);
  return at::mm(u.t(), y).t().contiguous();
}

}  // namespace peftlab::kernels
