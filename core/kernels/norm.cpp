#include "core/kernels/norm.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "core/kernels/loops/norm_loops.h"
#include "core/kernels/parallel.h"
#include "core/kernels/recorded.h"
#include "core/kernels/types.h"

namespace peftlab::kernels {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// What the normalised row is multiplied by, in float32.
torch::Tensor factor_of(const torch::Tensor& weight, bool plus_one) {
  const auto wide = weight.to(torch::kFloat32).contiguous();
  return plus_one ? wide + 1 : wide;
}

loops::NormRow row_of(const torch::Tensor& factor, double eps, bool cast_first) {
  return {factor.numel(), static_cast<float>(eps), factor.const_data_ptr<float>(), cast_first};
}

torch::Tensor input_gradient(const loops::NormRow& row, const torch::Tensor& x, const torch::Tensor& dy,
                             const torch::Tensor& rstd) {
  auto dx = torch::empty_like(x);
  with_row_type(x.scalar_type(), [&](auto tag) {
    using T = decltype(tag);
    parallel_for(0, rstd.numel(), rows_for_a_thread(row.n), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        loops::norm_row_back(row, elements<T>(x) + i * row.n, elements<T>(dy) + i * row.n, rstd.const_data_ptr<float>()[i],
                      mutable_elements<T>(dx) + i * row.n);
      }
    });
  });
  return dx;
}

/// Each thread sums a fixed share of the rows, so that equal numbers of threads give equal bits.
torch::Tensor factor_gradient(const loops::NormRow& row, const torch::Tensor& x, const torch::Tensor& dy,
                              const torch::Tensor& rstd) {
  const int64_t num_rows = rstd.numel(), shares = at::get_num_threads();
  const auto sums = torch::zeros({shares, row.n}, torch::kFloat32);
  with_row_type(x.scalar_type(), [&](auto tag) {
    using T = decltype(tag);
    const auto sum_share = [&](int64_t share) {
      float* sum = sums.mutable_data_ptr<float>() + share * row.n;
      for (int64_t i = share * num_rows / shares; i < (share + 1) * num_rows / shares; ++i) {
        loops::norm_row_back_factor(row, elements<T>(x) + i * row.n, elements<T>(dy) + i * row.n, rstd.const_data_ptr<float>()[i],
                             sum);
      }
    };
    parallel_for(0, shares, /*grain_size=*/1, [&](int64_t begin, int64_t end) {
      for (int64_t share = begin; share < end; ++share) sum_share(share);
    });
  });
  return sums.sum(/*dim=*/0);
}

class RmsNorm : public torch::autograd::Function<RmsNorm> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& input, const torch::Tensor& weight, double eps,
                               bool plus_one, bool cast_first) {
    const auto x = input.contiguous();
    const auto factor = factor_of(weight, plus_one);
    const auto row = row_of(factor, eps, cast_first);
    auto y = torch::empty_like(x);
    const auto rstd = torch::empty({row.n == 0 ? 0 : x.numel() / row.n}, torch::kFloat32);
    with_row_type(x.scalar_type(), [&](auto tag) {
      using T = decltype(tag);
      parallel_for(0, rstd.numel(), rows_for_a_thread(row.n), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          rstd.mutable_data_ptr<float>()[i] =
              loops::norm_row(row, elements<T>(x) + i * row.n, mutable_elements<T>(y) + i * row.n);
        }
      });
    });
    ctx->save_for_backward({x, factor, rstd});
    ctx->saved_data["eps"] = eps;
    ctx->saved_data["cast_first"] = cast_first;
    ctx->saved_data["type"] = static_cast<int64_t>(weight.scalar_type());
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &rstd = saved[2];
    const auto row = row_of(saved[1], ctx->saved_data["eps"].toDouble(), ctx->saved_data["cast_first"].toBool());
    const auto dy = grads[0].contiguous();
    torch::Tensor dx, d_weight;
    if (ctx->needs_input_grad(0)) dx = input_gradient(row, x, dy, rstd);
    if (ctx->needs_input_grad(1)) {
      d_weight = factor_gradient(row, x, dy, rstd).to(static_cast<at::ScalarType>(ctx->saved_data["type"].toInt()));
    }
    return {dx, d_weight, {}, {}, {}};
  }
};

}  // namespace

namespace slow {

torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps, NormStyle style) {
  const auto type = sum_type(x.scalar_type());
  const auto wide = x.to(type);
  auto normed = wide * (wide.square().mean(/*dim=*/-1, /*keepdim=*/true) + eps).rsqrt();
  if (style.cast_first) normed = normed.to(x.scalar_type()).to(type);
  const auto factor = style.plus_one ? weight.to(type) + 1 : weight.to(type);
  return (normed * factor).to(x.scalar_type());
}

}  // namespace slow

torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps, NormStyle style) {
  TORCH_CHECK(x.dim() >= 1 && weight.dim() == 1 && weight.size(0) == x.size(-1), "rms_norm: x ", x.sizes(),
              " needs a weight of its last dimension, got ", weight.sizes());
  if (!has_fast_rows(x)) return slow::rms_norm(x, weight, eps, style);
  const Recorded recorded("rms_norm");
  return RmsNorm::apply(x, weight, eps, style.plus_one, style.cast_first);
}

}  // namespace peftlab::kernels
