// cos and sin of the rotation of each token.
#pragma once

#include <torch/types.h>

#include "core/model/layer.h"

namespace peftlab::model {

class RotaryTable {
 public:
  /// In float32, or float64 for a float64 model.
  RotaryTable(const RotarySpec& spec, torch::ScalarType type, torch::Device device);

  /// The longest text, in tokens, that is rotated with the frequencies of short ones; 0: all are rotated alike.
  int64_t longest_short() const { return longest_short_; }

  /// positions (n) of tokens whose texts are all long, or all short.
  Rotation of_texts(const torch::Tensor& positions, bool are_long) const;
  /// positions (n) of the last tokens of n texts.
  Rotation of_last_tokens(const torch::Tensor& positions) const;

 private:
  Rotation turned(const torch::Tensor& angles) const;

  torch::Tensor frequencies_;       // (R/2)
  torch::Tensor long_frequencies_;  // (R/2); undefined: the same
  double magnitude_;
  int64_t longest_short_;
};

}  // namespace peftlab::model
