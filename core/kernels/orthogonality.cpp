#include "peftlab/orthogonality.h"

#include <torch/types.h>
#include <torch/utils.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/kernels/recorded.h"

namespace peftlab {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// One node for all matrices: hundreds of small ones would spend their time in the graph.
struct Orthogonality : torch::autograd::Function<Orthogonality> {
  static torch::Tensor forward(AutogradContext* ctx, at::TensorList matrices) {
    variable_list saved, norms;
    for (const auto& p : matrices) {
      auto gram = p.mm(p.t());  // (rank, rank)
      gram.diagonal().sub_(1.0);
      norms.push_back(gram.norm());
      saved.push_back(p);
      saved.push_back(gram);
    }
    const auto all = torch::stack(norms);
    saved.push_back(all);
    ctx->save_for_backward(saved);
    return all.mean();
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    const auto& norms = saved.back();
    const auto count = norms.size(0);
    const auto factors =
        torch::where(norms > 0, 2.0 / (static_cast<double>(count) * norms), torch::zeros_like(norms)) * grads[0];
    variable_list result(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) {
      const auto &p = saved[2 * i], &gram = saved[2 * i + 1];
      result[i] = (gram * factors[i]).mm(p);
    }
    return result;
  }
};

}  // namespace

torch::Tensor orthogonality(const std::vector<torch::Tensor>& matrices) {
  TORCH_CHECK(!matrices.empty(), "orthogonality: no matrix");
  for (const auto& p : matrices) TORCH_CHECK(p.dim() == 2, "orthogonality: expected matrices, got ", p.sizes());
  const kernels::Recorded recorded("orthogonality");
  return Orthogonality::apply(at::TensorList(matrices));  // a vector would pass as no tensors at all
}

}  // namespace peftlab
