// Frozen weights that PEFT saves beside what is trained on them.
#pragma once

#include <string>

#include "peftlab/method.h"

namespace peftlab {

/// The frozen weights of tables and heads, which PEFT saves beside their updates as "<module>.base_layer.weight".
class SavedBases {
 public:
  void add(const std::string& module, const torch::Tensor& weight) { weights_.emplace(module, weight); }
  /// Adds them to what is saved.
  Tensors with(Tensors named) const;
  /// Takes them out of what was read. Throws ConfigError for one that is not the model's.
  Tensors without(Tensors saved) const;

 private:
  Tensors weights_;
};

}  // namespace peftlab
