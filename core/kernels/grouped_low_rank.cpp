#include "core/kernels/grouped_low_rank.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "core/kernels/low_rank_checks.h"
#include "core/kernels/narrow_products.h"
#include "core/kernels/recorded.h"
#include "core/kernels/storage_handle.h"

namespace peftlab::kernels {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// What autograd need not see of the parts.
struct Group : torch::CustomClassHolder {
  std::vector<std::shared_ptr<const WeightStorage>> weights;
  std::vector<torch::Tensor> biases;  // (out) or undefined
  std::vector<double> scales;
  std::vector<int64_t> ranks;
};

/// All `down` as one: (sum of ranks, in).
torch::Tensor joined_downs(const variable_list& factors) {
  variable_list downs;
  for (size_t i = 0; i < factors.size(); i += 2) downs.push_back(factors[i]);
  return torch::cat(downs);
}

class GroupedProduct : public torch::autograd::Function<GroupedProduct> {
 public:
  /// `factors`: down and up of each part in turn.
  static variable_list forward(AutogradContext* ctx, const torch::Tensor& x, at::TensorList list,
                               c10::intrusive_ptr<Group> group) {
    const variable_list factors = list.vec();
    const auto rows = as_rows(x);
    const auto downs = joined_downs(factors);
    const auto inner = narrow_product(rows, downs);  // (N, sum of ranks)
    variable_list results, saved{rows, inner, downs};
    int64_t column = 0;
    for (size_t i = 0; i < group->weights.size(); ++i) {
      auto y = group->weights[i]->multiply(rows);
      if (group->biases[i].defined()) y.add_(group->biases[i]);
      saved.push_back(turned(factors[2 * i + 1], group->scales[i]));
      add_narrow_product(y, inner.narrow(1, column, group->ranks[i]), saved.back());
      results.push_back(as_shape_of(y, x.sizes()));
      column += group->ranks[i];
    }
    ctx->save_for_backward(saved);
    ctx->saved_data["group"] = c10::IValue::make_capsule(std::move(group));
    ctx->saved_data["sizes"] = x.sizes().vec();
    return results;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto &rows = saved[0], &inner = saved[1], &downs = saved[2];
    const auto group = c10::static_intrusive_pointer_cast<Group>(ctx->saved_data["group"].toCapsule());
    variable_list result(1 + 2 * grads.size() + 1);
    auto d_inner = torch::empty_like(inner);
    torch::Tensor dx;
    int64_t column = 0;
    for (size_t i = 0; i < grads.size(); ++i) {
      const auto dy = as_rows(grads[i]);
      narrow_product_into(dy, saved[3 + i], d_inner.narrow(1, column, group->ranks[i]));
      if (ctx->needs_input_grad(2 + 2 * i)) {
        const auto d_turned = narrow_gradient(inner.narrow(1, column, group->ranks[i]), dy);
        result[2 + 2 * i] = turned(d_turned, group->scales[i]).to(downs.scalar_type());
      }
      if (ctx->needs_input_grad(0)) {
        if (dx.defined()) {
          group->weights[i]->add_multiplied_back(dy, dx);
        } else {
          dx = group->weights[i]->multiply_back(dy);
        }
      }
      column += group->ranks[i];
    }
    if (dx.defined()) {
      add_narrow_product(dx, d_inner, downs);
      result[0] = dx.reshape(ctx->saved_data["sizes"].toIntVector());
    }
    split_downs(ctx, narrow_gradient(d_inner, rows).to(downs.scalar_type()), *group, result);
    return result;
  }

 private:
  static void split_downs(AutogradContext* ctx, const torch::Tensor& d_downs, const Group& group, variable_list& result) {
    int64_t row = 0;
    for (size_t i = 0; i < group.ranks.size(); ++i) {
      if (ctx->needs_input_grad(1 + 2 * i)) result[1 + 2 * i] = d_downs.narrow(0, row, group.ranks[i]);
      row += group.ranks[i];
    }
  }
};

}  // namespace

std::vector<torch::Tensor> grouped_low_rank(const torch::Tensor& x, const std::vector<LowRankPart>& parts) {
  if (parts.empty()) return {};
  variable_list factors;
  auto group = c10::make_intrusive<Group>();
  for (const LowRankPart& part : parts) {
    check_low_rank(*part.base, x, part.factors);
    factors.push_back(part.factors.down);
    factors.push_back(part.factors.up);
    group->weights.push_back(part.base->storage());
    group->biases.push_back(part.base->bias());
    group->scales.push_back(part.factors.scale);
    group->ranks.push_back(part.factors.down.size(0));
  }
  const Recorded recorded("grouped_low_rank");
  return GroupedProduct::apply(x, at::TensorList(factors), std::move(group));  // a vector would pass as no tensors at all
}

}  // namespace peftlab::kernels
