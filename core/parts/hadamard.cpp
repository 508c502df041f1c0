#include "peftlab/parts/hadamard.h"

#include <torch/types.h>
#include <torch/utils.h>
#include <torch/csrc/autograd/custom_function.h>

namespace peftlab {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class DenseProduct : public torch::autograd::Function<DenseProduct> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& x, const torch::Tensor& a1,
                               const torch::Tensor& b1, const torch::Tensor& a2, const torch::Tensor& b2) {
    ctx->save_for_backward({x, a1, b1, a2, b2});
    return at::mm(x, hadamard(a1, b1, a2, b2).to(x.scalar_type()).t());
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto kept = ctx->get_saved_variables();
    const auto &x = kept[0], &a1 = kept[1], &b1 = kept[2], &a2 = kept[3], &b2 = kept[4];
    const auto& dy = grads[0];
    const auto change = at::mm(dy.t(), x).to(a1.scalar_type());  // (out, in)
    const auto first = change * at::mm(a2, b2), second = change * at::mm(a1, b1);
    torch::Tensor dx;
    if (ctx->needs_input_grad(0)) dx = at::mm(dy, hadamard(a1, b1, a2, b2).to(x.scalar_type()));
    return {dx, at::mm(first, b1.t()), at::mm(a1.t(), first), at::mm(second, b2.t()), at::mm(a2.t(), second)};
  }
};

}  // namespace

torch::Tensor hadamard(const torch::Tensor& a1, const torch::Tensor& b1, const torch::Tensor& a2,
                       const torch::Tensor& b2) {
  return at::mm(a1, b1) * at::mm(a2, b2);
}

torch::Tensor hadamard_product(const torch::Tensor& x, const torch::Tensor& a1, const torch::Tensor& b1,
                               const torch::Tensor& a2, const torch::Tensor& b2) {
  return DenseProduct::apply(x, a1, b1, a2, b2);
}

}  // namespace peftlab
