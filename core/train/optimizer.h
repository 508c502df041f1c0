// AdamW and SGD over the trained tensors, with a state that can be saved.
#pragma once

#include <vector>

#include "core/plugin/attached.h"
#include "core/train/settings.h"

namespace peftlab::train {

/// A trained tensor and how it is treated.
struct Slot {
  std::string name;
  torch::Tensor tensor;
  double learning_rate_factor = 1.0;
  double weight_decay = 0.0;
};

/// What training holds beside the frozen model, in bytes.
struct TrainingBytes {
  int64_t trained = 0, gradients = 0, optimizer = 0;
};

/// The method's rule for each tensor, then the first parameter group of the settings that matches its name.
std::vector<Slot> make_slots(const std::vector<plugin::AttachedMethod*>& methods, const Settings& settings);

/// One step over all tensors that have a gradient. AdamW: Loshchilov & Hutter, 2019, algorithm 2 (decoupled decay); SGD with
/// momentum as torch.optim.SGD computes it.
class Updater {
 public:
  Updater(std::vector<Slot> slots, const Settings& settings);

  /// The norm of all gradients together, in float64.
  double gradient_norm() const;
  void scale_gradients(double factor);
  void step(double learning_rate);
  /// Lets them go: autograd then hands over the next ones instead of adding to zeros, and a tensor that a step does not
  /// reach is left as it is.
  void clear_gradients();

  const std::vector<Slot>& slots() const { return slots_; }
  /// Moments and step counts by "<moment>.<tensor name>"; live tensors.
  Tensors state() const;
  /// `gradients`: those of the last step.
  TrainingBytes bytes() const;
  /// Throws ConfigError naming what is missing or misshapen.
  void load_state(const Tensors& state);

 private:
  /// Tensors that one fused call can treat: same factor, decay, type and device.
  struct Group {
    double learning_rate_factor, weight_decay;
    std::vector<size_t> members;
  };
  void adamw(const Group& group, double learning_rate);
  void sgd(const Group& group, double learning_rate);

  Settings settings_;
  std::vector<Slot> slots_;
  std::vector<Group> groups_;
  int64_t gradient_bytes_ = 0;
  std::vector<torch::Tensor> first_, second_, steps_;  // as `slots_`; SGD keeps its momentum in first_ alone
};

}  // namespace peftlab::train
