#include "core/model/recompute.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "core/kernels/absent.h"

namespace peftlab::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Piece = std::function<torch::Tensor(const std::vector<torch::Tensor>&)>;

/// Carries the function through the autograd context, which holds only values it knows.
struct Held : torch::CustomClassHolder {
  Piece piece;
  size_t num_inputs = 0;
};

struct Recompute : torch::autograd::Function<Recompute> {
  static torch::Tensor forward(AutogradContext* ctx, const c10::intrusive_ptr<Held>& held, at::TensorList tensors) {
    ctx->saved_data["held"] = c10::IValue::make_capsule(held);
    ctx->save_for_backward(tensors.vec());
    variable_list inputs;
    for (size_t i = 0; i < held->num_inputs; ++i) inputs.push_back(kernels::given(tensors[i]));
    return held->piece(inputs);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grad) {
    const auto held = c10::static_intrusive_pointer_cast<Held>(ctx->saved_data["held"].toCapsule());
    const auto tensors = ctx->get_saved_variables();
    torch::AutoGradMode with_graph(true);
    variable_list inputs, wanted;
    for (size_t i = 0; i < tensors.size(); ++i) {
      torch::Tensor t = tensors[i];
      if (i < held->num_inputs) {
        t = t.detach().requires_grad_(t.requires_grad());
        inputs.push_back(kernels::given(t));
      }
      if (t.requires_grad()) wanted.push_back(t);
    }
    const auto output = held->piece(inputs);
    auto found = torch::autograd::grad({output}, wanted, {grad[0]}, /*retain_graph=*/std::nullopt, /*create_graph=*/false,
                                       /*allow_unused=*/true);
    variable_list result(1 + tensors.size());  // nothing for `held`
    size_t next = 0;
    for (size_t i = 0; i < tensors.size(); ++i) {
      if (tensors[i].requires_grad()) result[1 + i] = found[next++];
    }
    return result;
  }
};

}  // namespace

torch::Tensor recomputed(const Piece& piece, const std::vector<torch::Tensor>& inputs,
                         const std::vector<torch::Tensor>& parameters) {
  auto held = c10::make_intrusive<Held>();
  held->piece = piece;
  held->num_inputs = inputs.size();
  variable_list tensors;
  for (const auto& input : inputs) tensors.push_back(kernels::stand_in(input));
  // Each once: one that is named twice would get its gradient twice.
  for (const auto& parameter : parameters) {
    const auto same = [&](const torch::Tensor& known) { return known.is_same(parameter); };
    if (std::none_of(tensors.begin() + static_cast<int64_t>(inputs.size()), tensors.end(), same)) tensors.push_back(parameter);
  }
  return Recompute::apply(held, at::TensorList(tensors));  // a vector would pass as no tensors at all
}

}  // namespace peftlab::model
