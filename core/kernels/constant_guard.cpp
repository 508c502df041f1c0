#include "core/kernels/constant_guard.h"

#include <torch/types.h>
#include <torch/utils.h>

#include "peftlab/ops.h"

namespace peftlab::kernels {

namespace {

ConstantGuard* living = nullptr;

}  // namespace

ConstantGuard::ConstantGuard() {
  TORCH_CHECK(living == nullptr, "only one ConstantGuard may live at a time");
  living = this;
}

ConstantGuard::~ConstantGuard() { living = nullptr; }

ConstantGuard* ConstantGuard::current() { return living; }

void ConstantGuard::next_pass() {
  TORCH_CHECK(!recorded_ || place_ == values_.size(), "this pass asked for ", place_, " constants, the first for ",
              values_.size());
  recorded_ = true;
  place_ = 0;
}

torch::Tensor ConstantGuard::hold(const torch::Tensor& x) {
  if (!recorded_) {
    values_.push_back(x.detach().clone());
    return values_.back();
  }
  TORCH_CHECK(place_ < values_.size(), "this pass asks for more constants than the first, which had ", values_.size());
  const auto& value = values_[place_++];
  TORCH_CHECK(value.sizes() == x.sizes() && value.scalar_type() == x.scalar_type(), "constant ", place_ - 1, " was ",
              value.sizes(), " ", value.scalar_type(), " in the first pass, now it is ", x.sizes(), " ", x.scalar_type());
  return value;
}

}  // namespace peftlab::kernels

namespace peftlab {

torch::Tensor constant(const torch::Tensor& x) {
  auto* guard = kernels::ConstantGuard::current();
  return guard ? guard->hold(x) : x.detach();
}

}  // namespace peftlab
