#include "peftlab/storage.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "core/kernels/absent.h"
#include "core/kernels/recorded.h"
#include "core/kernels/storage_handle.h"

namespace peftlab {

torch::Tensor WeightStorage::multiply(const torch::Tensor& x) const {
  const torch::NoGradGuard no_grad;
  return at::linear(x, dense());
}

torch::Tensor WeightStorage::multiply_back(const torch::Tensor& dy) const {
  const torch::NoGradGuard no_grad;
  return at::mm(dy, dense());
}

void WeightStorage::add_multiplied_back(const torch::Tensor& dy, const torch::Tensor& dx) const {
  dx.add_(multiply_back(dy));
}

DenseStorage::DenseStorage(torch::Tensor weight) : weight_(std::move(weight)) {
  TORCH_CHECK(weight_.dim() == 2, "a frozen matrix is (out, in), got ", weight_.sizes());
}

int64_t DenseStorage::bytes() const { return weight_.numel() * weight_.element_size(); }

void DenseStorage::add_multiplied_back(const torch::Tensor& dy, const torch::Tensor& dx) const {
  const torch::NoGradGuard no_grad;
  dx.addmm_(dy, weight_);
}

std::string DenseStorage::kind() const {
  switch (weight_.scalar_type()) {
    case torch::kFloat32:
      return "float32";
    case torch::kFloat64:
      return "float64";
    case torch::kBFloat16:
      return "bfloat16";
    case torch::kFloat16:
      return "float16";
    default:
      return c10::toString(weight_.scalar_type());
  }
}

namespace {

class FrozenProduct : public torch::autograd::Function<FrozenProduct> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* ctx, const torch::Tensor& x,
                               std::shared_ptr<const WeightStorage> weight, const torch::Tensor& bias_or_none) {
    const auto bias = kernels::given(bias_or_none);
    auto y = weight->multiply(kernels::as_rows(x));
    if (bias.defined()) y.add_(bias);
    ctx->saved_data["weight"] = kernels::keep(std::move(weight));
    return kernels::as_shape_of(y, x.sizes());
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto& weight = kernels::kept(ctx->saved_data["weight"]);
    return {kernels::as_shape_of(weight.multiply_back(kernels::as_rows(grads[0])), grads[0].sizes()), {}, {}};
  }
};

}  // namespace

torch::Tensor frozen_linear(const torch::Tensor& x, const std::shared_ptr<const WeightStorage>& weight,
                            const torch::Tensor& bias) {
  TORCH_CHECK(x.dim() >= 1 && x.size(-1) == weight->in(), "frozen_linear: a matrix of ", weight->out(), " x ", weight->in(),
              " cannot take x of ", x.sizes());
  const kernels::Recorded recorded("frozen_linear");
  return FrozenProduct::apply(x, weight, kernels::stand_in(bias));
}

}  // namespace peftlab
