// Frozen tensors that a method needs and PEFT saves beside what is trained, like the shared projections
// "base_model.vera_A".
#pragma once

#include <string>

#include "peftlab/method.h"

namespace peftlab {

class SavedBuffers {
 public:
  /// A live buffer of the method, under its name in PEFT's file.
  void add(const std::string& name, torch::Tensor buffer);
  /// What `patch` trains on the module of that name will stand in the same file.
  void beside(const std::string& module, const torch::nn::Module& patch);

  /// For Method::to_peft: adds the buffers to what is saved.
  Tensors with(Tensors named) const;
  /// For Method::from_peft: takes the buffers out of what was read, into the live ones. Throws ConfigError naming one
  /// that is missing, misshapen or not finite. Where the rest is not what is trained nothing is changed: the host
  /// refuses it then.
  Tensors without(Tensors saved) const;

 private:
  bool is_trained(const Tensors& rest) const;

  Tensors buffers_;
  Tensors trained_;
};

}  // namespace peftlab
