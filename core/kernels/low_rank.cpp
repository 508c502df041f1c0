#include "peftlab/low_rank.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "core/kernels/absent.h"
#include "core/kernels/low_rank_checks.h"
#include "core/kernels/narrow_products.h"
#include "core/kernels/recorded.h"
#include "core/kernels/storage_handle.h"
#include "core/kernels/types.h"

namespace peftlab {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class LowRankProduct : public torch::autograd::Function<LowRankProduct> {
 public:
  /// `z`: what the factors see; undefined for x itself.
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& x, const torch::Tensor& z_or_none, const torch::Tensor& down,
                               const torch::Tensor& up, double scale, std::shared_ptr<const WeightStorage> weight,
                               const torch::Tensor& bias_or_none) {
    const auto z = kernels::given(z_or_none), bias = kernels::given(bias_or_none);
    const auto rows = kernels::as_rows(x);
    const auto seen = z.defined() ? kernels::as_rows(z) : rows;
    auto y = weight->multiply(rows);
    if (bias.defined()) y.add_(bias);
    const auto inner = kernels::narrow_product(seen, down);  // (N, rank)
    const auto turned_up = kernels::turned(up, scale);       // (rank, out)
    kernels::add_narrow_product(y, inner, turned_up);
    ctx->save_for_backward({seen, inner, down, turned_up});
    ctx->saved_data["weight"] = kernels::keep(std::move(weight));
    ctx->saved_data["scale"] = scale;
    ctx->saved_data["dropped"] = z.defined();
    return kernels::as_shape_of(y, x.sizes());
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto &seen = saved[0], &inner = saved[1], &down = saved[2], &turned_up = saved[3];
    const double scale = ctx->saved_data["scale"].toDouble();
    const bool dropped = ctx->saved_data["dropped"].toBool();
    const auto dy = kernels::as_rows(grads[0]);
    const bool need_x = ctx->needs_input_grad(0), need_z = dropped ? ctx->needs_input_grad(1) : need_x;

    torch::Tensor dx, dz, d_down, d_up, d_inner;
    if (need_x) dx = kernels::kept(ctx->saved_data["weight"]).multiply_back(dy);
    if (need_z || ctx->needs_input_grad(2)) d_inner = kernels::narrow_product(dy, turned_up);
    if (need_z && dropped) dz = torch::zeros_like(seen);
    if (need_z) kernels::add_narrow_product(dropped ? dz : dx, d_inner, down);
    if (ctx->needs_input_grad(2)) d_down = kernels::narrow_gradient(d_inner, seen).to(down.scalar_type());
    if (ctx->needs_input_grad(3)) d_up = kernels::turned(kernels::narrow_gradient(inner, dy), scale).to(down.scalar_type());
    if (dx.defined()) dx = kernels::as_shape_of(dx, grads[0].sizes());
    if (dz.defined()) dz = kernels::as_shape_of(dz, grads[0].sizes());
    return {dx, dz, d_down, d_up, {}, {}, {}};
  }
};

}  // namespace

void kernels::check_low_rank(const FrozenLinear& base, const torch::Tensor& x, const LowRankFactors& factors) {
  TORCH_CHECK(x.dim() >= 1 && x.size(-1) == base.in(), base.name(), ": a matrix of ", base.out(), " x ", base.in(),
              " cannot take x of ", x.sizes());
  TORCH_CHECK(factors.down.dim() == 2 && factors.up.dim() == 2 && factors.down.size(1) == base.in() &&
                  factors.up.size(0) == base.out() && factors.up.size(1) == factors.down.size(0),
              base.name(), ": factors of ", factors.up.sizes(), " and ", factors.down.sizes(), " do not fit a matrix of ",
              base.out(), " x ", base.in());
}

torch::Tensor low_rank_linear(const FrozenLinear& base, const torch::Tensor& x, const LowRankFactors& factors,
                              const torch::Tensor& dropped) {
  kernels::check_low_rank(base, x, factors);
  TORCH_CHECK(!dropped.defined() || dropped.sizes() == x.sizes(), base.name(), ": dropped has shape ", dropped.sizes(),
              ", x has ", x.sizes());
  const kernels::Recorded recorded("low_rank_linear");
  return LowRankProduct::apply(x, kernels::stand_in(dropped), factors.down, factors.up, factors.scale, base.storage(),
                               kernels::stand_in(base.bias()));
}

torch::Tensor low_rank_merged(const FrozenLinear& base, const LowRankFactors& factors) {
  const torch::NoGradGuard no_grad;
  const auto weight = base.weight();
  const auto type = kernels::sum_type(weight.scalar_type());
  return at::addmm(weight.to(type), factors.up.to(type), factors.down.to(type), /*beta=*/1, /*alpha=*/factors.scale);
}

}  // namespace peftlab
