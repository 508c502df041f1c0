#include "core/kernels/gated.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "core/kernels/loops/gated_loops.h"
#include "core/kernels/parallel.h"
#include "core/kernels/recorded.h"
#include "core/kernels/types.h"

namespace peftlab::kernels {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kGrain = 8192;

void check(const torch::Tensor& gate, const torch::Tensor& up) {
  TORCH_CHECK(gate.sizes() == up.sizes() && gate.scalar_type() == up.scalar_type(),
              "gated: gate and up must be alike, got ", gate.sizes(), " ", gate.scalar_type(), " and ", up.sizes(), " ",
              up.scalar_type());
}

torch::Tensor product(const torch::Tensor& gate, const torch::Tensor& up, loops::Gate kind) {
  auto y = torch::empty_like(gate);
  with_row_type(gate.scalar_type(), [&](auto tag) {
    using T = decltype(tag);
    parallel_for(0, gate.numel(), kGrain, [&](int64_t begin, int64_t end) {
      loops::gated_span(kind, end - begin, elements<T>(gate) + begin, elements<T>(up) + begin, mutable_elements<T>(y) + begin);
    });
  });
  return y;
}

/// Writes the gradients of those of d_gate and d_up that are defined.
void product_back(const torch::Tensor& gate, const torch::Tensor& up, const torch::Tensor& dy, loops::Gate kind,
                  const torch::Tensor& d_gate, const torch::Tensor& d_up) {
  with_row_type(gate.scalar_type(), [&](auto tag) {
    using T = decltype(tag);
    T* const to_gate = mutable_elements<T>(d_gate);
    T* const to_up = mutable_elements<T>(d_up);
    parallel_for(0, gate.numel(), kGrain, [&](int64_t begin, int64_t end) {
      loops::gated_span_back(kind, end - begin, elements<T>(gate) + begin, elements<T>(up) + begin, elements<T>(dy) + begin,
                      to_gate ? to_gate + begin : nullptr, to_up ? to_up + begin : nullptr);
    });
  });
}

class Gated : public torch::autograd::Function<Gated> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& gate, const torch::Tensor& up, int64_t kind) {
    const auto left = gate.contiguous(), right = up.contiguous();
    ctx->save_for_backward({left, right});
    ctx->saved_data["kind"] = kind;
    return product(left, right, static_cast<loops::Gate>(kind));
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    torch::Tensor d_gate, d_up;
    if (ctx->needs_input_grad(0)) d_gate = torch::empty_like(saved[0]);
    if (ctx->needs_input_grad(1)) d_up = torch::empty_like(saved[1]);
    const auto kind = static_cast<loops::Gate>(ctx->saved_data["kind"].toInt());
    product_back(saved[0], saved[1], grads[0].contiguous(), kind, d_gate, d_up);
    return {d_gate, d_up, {}};
  }
};

/// The same in plain operations: any device, any type, any activation, and still nothing kept but the two inputs.
class PlainGated : public torch::autograd::Function<PlainGated> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& gate, const torch::Tensor& up, int64_t activation) {
    ctx->save_for_backward({gate, up});
    ctx->saved_data["activation"] = activation;
    return slow::gated(gate, up, static_cast<Activation>(activation));
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto activation = static_cast<Activation>(ctx->saved_data["activation"].toInt());
    const auto type = sum_type(saved[0].scalar_type());
    const auto gate = saved[0].to(type), dy = grads[0].to(type);
    torch::Tensor d_gate, d_up;
    if (ctx->needs_input_grad(0)) {
      const auto d_open = dy * saved[1].to(type);
      d_gate = activation == Activation::kSilu ? at::silu_backward(d_open, gate)
                                               : at::gelu_backward(d_open, gate, name_of(activation));
      d_gate = d_gate.to(saved[0].scalar_type());
    }
    if (ctx->needs_input_grad(1)) d_up = (dy * activate(gate, activation)).to(saved[1].scalar_type());
    return {d_gate, d_up, {}};
  }

 private:
  static const char* name_of(Activation activation) { return activation == Activation::kGeluTanh ? "tanh" : "none"; }
};

}  // namespace

torch::Tensor activate(const torch::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return at::silu(x);
    case Activation::kGeluTanh:
      return at::gelu(x, "tanh");
    case Activation::kGelu:
      return at::gelu(x, "none");
  }
  TORCH_INTERNAL_ASSERT(false, "unknown activation");
}

namespace slow {

torch::Tensor gated(const torch::Tensor& gate, const torch::Tensor& up, Activation activation) {
  check(gate, up);
  const auto type = sum_type(gate.scalar_type());
  return (activate(gate.to(type), activation) * up.to(type)).to(gate.scalar_type());
}

}  // namespace slow

torch::Tensor gated(const torch::Tensor& gate, const torch::Tensor& up, Activation activation) {
  const Recorded recorded("gated");
  check(gate, up);
  if (!has_fast_rows(gate) || activation == Activation::kGelu) {
    return PlainGated::apply(gate, up, static_cast<int64_t>(activation));
  }
  const auto kind = activation == Activation::kSilu ? loops::Gate::kSilu : loops::Gate::kGeluTanh;
  return Gated::apply(gate, up, static_cast<int64_t>(kind));
}

}  // namespace peftlab::kernels
