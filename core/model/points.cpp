// The out-of-line parts of include/peftlab/points.h.
#include "peftlab/points.h"

#include "peftlab/error.h"
#include "peftlab/low_rank.h"

namespace peftlab {

FrozenParameter::FrozenParameter(std::string name, int64_t layer, torch::Tensor value)
    : name_(std::move(name)), layer_(layer), value_(std::move(value)) {}

FrozenLinear::FrozenLinear(std::string name, int64_t layer, std::shared_ptr<const WeightStorage> storage, torch::Tensor bias,
                           bool fan_in_fan_out)
    : name_(std::move(name)), layer_(layer), storage_(std::move(storage)), bias_(std::move(bias)), fan_in_fan_out_(fan_in_fan_out) {}

torch::Tensor FrozenLinear::operator()(const torch::Tensor& x) const { return frozen_linear(x, storage_, bias_); }

torch::Tensor TablePatch::rows(const torch::Tensor&, const torch::Tensor& x) { return x; }

torch::Tensor TablePatch::head(const torch::Tensor&, const torch::Tensor& logits) { return logits; }

std::optional<torch::Tensor> TablePatch::merged(const torch::Tensor&) const { return std::nullopt; }

std::optional<Merged> WeightPatch::merged(const FrozenLinear&) const { return std::nullopt; }

std::optional<LowRankFactors> WeightPatch::factors() const { return std::nullopt; }

namespace {

const torch::Tensor& trainable(const FrozenParameter& base) {
  if (base.value().defined()) return base.value();
  throw ConfigError(base.name() + " is kept quantised, and a trained copy of it would not be; use a base that is not quantised, or a "
                    "method that adds to the matrices as they are kept");
}

}  // namespace

ParameterPatch::ParameterPatch(const FrozenParameter& base) : base_type_(trainable(base).scalar_type()) {
  const auto type = base_type_ == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  value_ = register_parameter("value", base.value().detach().to(type, /*non_blocking=*/false, /*copy=*/true));
}

torch::Tensor ParameterPatch::forward() { return value_.to(base_type_); }

}  // namespace peftlab
