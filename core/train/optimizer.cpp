#include "core/train/optimizer.h"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>

#include <cmath>
#include <map>
#include <regex>

namespace peftlab::train {
namespace {

/// The group of the settings that a name falls into, or nullptr.
const ParameterGroup* group_of(const std::string& name, const Settings& settings) {
  for (const auto& group : settings.parameter_groups) {
    if (std::regex_search(name, std::regex(group.match))) return &group;
  }
  return nullptr;
}

}  // namespace

std::vector<Slot> make_slots(const std::vector<plugin::AttachedMethod*>& methods, const Settings& settings) {
  std::vector<Slot> slots;
  for (const auto* method : methods) {
    for (const auto& trainable : method->trainable()) {
      Slot slot{trainable.name, trainable.tensor, trainable.rule.learning_rate_factor, 0.0};
      const bool vector = trainable.tensor.dim() < 2;
      const bool decays = settings.no_decay_on_vectors ? trainable.rule.decay && !vector : true;
      slot.weight_decay = decays ? settings.weight_decay : 0.0;
      if (const auto* group = group_of(slot.name, settings)) {
        slot.learning_rate_factor *= group->learning_rate_factor;
        if (group->weight_decay) slot.weight_decay = *group->weight_decay;
      }
      slots.push_back(slot);
    }
  }
  return slots;
}

Updater::Updater(std::vector<Slot> slots, const Settings& settings) : settings_(settings), slots_(std::move(slots)) {
  std::map<std::tuple<double, double, torch::ScalarType, std::string>, size_t> index;
  const bool adaptive = settings.optimizer == Optimizer::adamw;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    first_.push_back(torch::zeros_like(slot.tensor));
    if (adaptive) second_.push_back(torch::zeros_like(slot.tensor));
    if (adaptive) steps_.push_back(torch::zeros({}, slot.tensor.options().dtype(torch::kFloat32).requires_grad(false)));
    const auto key = std::make_tuple(slot.learning_rate_factor, slot.weight_decay, slot.tensor.scalar_type(), slot.tensor.device().str());
    const auto [at, fresh] = index.emplace(key, groups_.size());
    if (fresh) groups_.push_back({slot.learning_rate_factor, slot.weight_decay, {}});
    groups_[at->second].members.push_back(i);
  }
}

double Updater::gradient_norm() const {
  std::vector<torch::Tensor> gradients;
  for (const Slot& slot : slots_) {
    if (slot.tensor.grad().defined() && slot.tensor.numel() > 0) gradients.push_back(slot.tensor.grad());
  }
  if (gradients.empty()) return 0.0;
  double sum = 0.0;
  const auto norms = torch::stack(at::_foreach_norm(gradients)).to(torch::kCPU, torch::kFloat64);
  for (int64_t i = 0; i < norms.size(0); ++i) sum += std::pow(norms.const_data_ptr<double>()[i], 2);
  return std::sqrt(sum);
}

void Updater::scale_gradients(double factor) {
  std::vector<torch::Tensor> gradients;
  for (const Slot& slot : slots_) {
    if (slot.tensor.grad().defined()) gradients.push_back(slot.tensor.grad());
  }
  if (!gradients.empty()) at::_foreach_mul_(gradients, factor);
}

void Updater::step(double learning_rate) {
  torch::NoGradGuard no_grad;
  for (const Group& group : groups_) {
    settings_.optimizer == Optimizer::adamw ? adamw(group, learning_rate) : sgd(group, learning_rate);
  }
}

void Updater::adamw(const Group& group, double learning_rate) {
  std::vector<torch::Tensor> values, gradients, first, second, steps;
  for (size_t i : group.members) {
    if (!slots_[i].tensor.grad().defined() || slots_[i].tensor.numel() == 0) continue;
    values.push_back(slots_[i].tensor);
    gradients.push_back(slots_[i].tensor.grad());
    first.push_back(first_[i]);
    second.push_back(second_[i]);
    steps.push_back(steps_[i]);
  }
  if (values.empty()) return;
  at::_foreach_add_(steps, 1.0);
  at::_fused_adamw_(values, gradients, first, second, /*max_exp_avg_sqs=*/{}, steps, learning_rate * group.learning_rate_factor,
                    settings_.beta1, settings_.beta2, group.weight_decay, settings_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
}

void Updater::sgd(const Group& group, double learning_rate) {
  for (size_t i : group.members) {
    const auto& tensor = slots_[i].tensor;
    if (!tensor.grad().defined()) continue;
    auto change = group.weight_decay == 0.0 ? tensor.grad() : tensor.grad() + group.weight_decay * tensor;
    if (settings_.momentum != 0.0) change = first_[i].mul_(settings_.momentum).add_(change);
    slots_[i].tensor.sub_(change * (learning_rate * group.learning_rate_factor));
  }
}

void Updater::clear_gradients() {
  gradient_bytes_ = 0;
  for (Slot& slot : slots_) {
    if (slot.tensor.grad().defined()) gradient_bytes_ += static_cast<int64_t>(slot.tensor.grad().nbytes());
    slot.tensor.mutable_grad().reset();
  }
}

Tensors Updater::state() const {
  Tensors state;
  for (size_t i = 0; i < slots_.size(); ++i) {
    state["first." + slots_[i].name] = first_[i];
    if (settings_.optimizer != Optimizer::adamw) continue;
    state["second." + slots_[i].name] = second_[i];
    state["step." + slots_[i].name] = steps_[i];
  }
  return state;
}

TrainingBytes Updater::bytes() const {
  TrainingBytes bytes;
  bytes.gradients = gradient_bytes_;
  for (const Slot& slot : slots_) {
    bytes.trained += static_cast<int64_t>(slot.tensor.nbytes());
  }
  for (const auto& [name, tensor] : state()) bytes.optimizer += static_cast<int64_t>(tensor.nbytes());
  return bytes;
}

void Updater::load_state(const Tensors& state) {
  torch::NoGradGuard no_grad;
  for (auto& [name, mine] : this->state()) {
    const auto at = state.find(name);
    if (at == state.end()) throw ConfigError("the optimizer's state has no tensor " + name);
    if (at->second.sizes() != mine.sizes()) throw ConfigError("the optimizer's tensor " + name + " has another shape");
    mine.copy_(at->second);
  }
}

}  // namespace peftlab::train
