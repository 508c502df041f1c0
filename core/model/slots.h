// The model's tensors, each with the place where a patch goes. An empty slot costs one check.
#pragma once

#include <memory>
#include <string>

#include "peftlab/method.h"
#include "peftlab/points.h"

namespace peftlab::model {

/// A frozen tensor and the trained copy that may stand in for it.
struct ParameterSlot {
  FrozenParameter base;
  std::shared_ptr<ParameterPatch> patch;
  const bool* patched = nullptr;  // whether patches are on

  bool active() const { return patch != nullptr && *patched; }
  torch::Tensor operator()() const { return active() ? patch->forward() : base.value(); }
};

/// A frozen matrix and what fills it: a patch of the product, or trained copies of weight or bias, not both.
struct LinearSlot {
  FrozenLinear base;
  std::shared_ptr<WeightPatch> patch;
  ParameterSlot* weight = nullptr;
  ParameterSlot* bias = nullptr;  // nullptr: the layer has none
  const bool* patched = nullptr;

  bool active() const { return patch != nullptr && *patched; }
  /// (n, in) -> (n, out)
  torch::Tensor operator()(const torch::Tensor& x) const;
  /// A matrix (out, in) the way files keep this one, and back.
  torch::Tensor turned(const torch::Tensor& matrix) const { return base.fan_in_fan_out() ? matrix.t() : matrix; }
};

/// Weight and, for layer normalisation, bias of a norm.
struct NormSlot {
  ParameterSlot* weight = nullptr;
  ParameterSlot* bias = nullptr;
};

}  // namespace peftlab::model
