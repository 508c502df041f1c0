// How trained tensors begin.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "peftlab/options.h"
#include "peftlab/points.h"

namespace peftlab {

/// Reads the option `init`: true (the default), false or "random" (not as the base model: for tests), or one of
/// `words`. Returns "true", "random" or the word; anything else is a mistake.
std::string read_start(Options& options, const std::string& about, const std::vector<std::string>& words = {});

/// For adapter_config.json: PEFT's init_weights, which is true, false or a word.
Value start_value(const std::string& start);

/// Draws what tensors start from, each under its own name: the order of draws does not matter.
class Starts {
 public:
  /// REQUIRES: `points` outlives this. `loaded`: the values come from an adapter, so nothing is drawn and all tensors
  /// are zero.
  Starts(const InjectionPoints& points, bool loaded) : points_(points), loaded_(loaded) {}

  /// U(-1/sqrt(n), 1/sqrt(n)) with n the last size: Kaiming's uniform with a = sqrt(5), as linear layers begin in
  /// PyTorch.
  torch::Tensor kaiming(const std::string& name, at::IntArrayRef sizes) const;
  torch::Tensor normal(const std::string& name, at::IntArrayRef sizes, double deviation) const;
  torch::Tensor full(at::IntArrayRef sizes, double value) const;

 private:
  const InjectionPoints& points_;
  bool loaded_;
};

}  // namespace peftlab
