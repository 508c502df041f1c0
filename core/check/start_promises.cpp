// What a method does to the base model, and how it starts.
#include <ATen/CPUGeneratorImpl.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>

#include "core/check/promise.h"
#include "core/kernels/dropout_clock.h"

namespace peftlab::check {
namespace {

/// Draws of the process's own generator go on afterwards as if nothing had been.
class KeepGlobalGenerator {
 public:
  KeepGlobalGenerator() : state_(generator().get_state()) {}
  ~KeepGlobalGenerator() { generator().set_state(state_); }
  KeepGlobalGenerator(const KeepGlobalGenerator&) = delete;
  KeepGlobalGenerator& operator=(const KeepGlobalGenerator&) = delete;

 private:
  static at::Generator generator() { return at::detail::getDefaultCPUGenerator(); }
  torch::Tensor state_;
};

void use(Subject& subject) {
  subject.begin();
  Training(subject, mixed_sequences()).steps(/*count=*/3);
  subject.logits(mixed_sequences().front());
}

/// Whether two tensors have an element in common.
bool overlap(const torch::Tensor& a, const torch::Tensor& b) {
  const auto *begin_a = static_cast<const char*>(a.const_data_ptr()),
             *begin_b = static_cast<const char*>(b.const_data_ptr());
  return begin_a < begin_b + b.nbytes() && begin_b < begin_a + a.nbytes();
}

/// State after two steps, with the process's generator somewhere else each time.
Tensors state_after_steps(const Trial& trial, uint64_t global_seed) {
  at::manual_seed(global_seed);
  Subject subject(trial);
  subject.begin();
  Training(subject, mixed_sequences()).steps(/*count=*/2);
  return copied(subject.method().state());
}

}  // namespace

Finding keeps_the_base(const Trial& trial) {
  Finding finding;
  Subject subject(trial);
  use(subject);
  const auto& stored = subject.points().stored();
  const model::Decoder untouched(*toy_source(*trial.model, kToySeed), torch::kFloat32, torch::kCPU);
  const auto& now = subject.decoder().weights().parameters();
  const auto& before = untouched.weights().parameters();
  for (size_t i = 0; i < now.size(); ++i) {
    const auto& value = now[i].base.value();
    if (!value.defined()) continue;  // kept in another way since
    finding.same(value, before[i].base.value(), now[i].base.name());
    finding.demand(!value.requires_grad(), now[i].base.name() + ": asks for a gradient, though it is not the method's");
  }
  const auto& linears = subject.decoder().weights().linears();
  for (size_t i = 0; i < linears.size(); ++i) {
    const auto& name = linears[i].base.name();
    if (std::find(stored.begin(), stored.end(), name) != stored.end()) continue;
    finding.same(linears[i].base.weight(), untouched.weights().linears()[i].base.weight(), name);
  }
  return finding;
}

Finding counts_its_parameters(const Trial& trial) {
  Finding finding;
  Subject subject(trial);
  std::vector<torch::Tensor> distinct;  // that share no memory
  int64_t count = 0;
  const auto add = [&](const torch::nn::Module& module) {
    for (const auto& item : module.named_parameters()) {
      const auto& tensor = item.value();
      const bool known =
          std::any_of(distinct.begin(), distinct.end(), [&](const auto& other) { return overlap(tensor, other); });
      if (known) continue;
      distinct.push_back(tensor);
      count += tensor.numel();
    }
  };
  add(subject.method().method());
  for (const auto& point : subject.method().filled()) add(*point.patch);
  finding.demand(subject.method().num_trainable() == count,
                 "reports " + std::to_string(subject.method().num_trainable()) +
                     " parameters, but its distinct tensors have " + std::to_string(count));
  return finding;
}

Finding starts_as_declared(const Trial& trial) {
  Finding finding;
  if (!trial.plain) {
    finding.leave("only of the options asked for");
    return finding;
  }
  Subject subject(trial, {.type = torch::kFloat64});
  double apart = 0.0, allowed = 0.0;
  for (const auto& sequence : mixed_sequences()) {
    const auto patched = subject.logits(sequence);
    const model::PatchesOff off(subject.decoder());
    const auto base = subject.logits(sequence);
    apart = std::max(apart, magnitude(patched - base));
    allowed = std::max(allowed, allowed_difference(subject.decoder(), torch::kFloat64, magnitude(base)));
  }
  if (trial.library.entry->starts_as_identity) {
    finding.close(apart, 0.0, allowed, "logits at the start, though it says that it starts as the base model");
  } else {
    finding.demand(apart > allowed, "equals the base model at the start, though it says that it does not");
  }
  return finding;
}

Finding moves_every_tensor(const Trial& trial) {
  Finding finding;
  const kernels::DropoutOff off;  // what is dropped whole does not move
  Subject subject(trial);
  std::vector<torch::Tensor> starts;
  for (const auto& t : subject.method().trainable()) starts.push_back(t.tensor.detach().clone());
  subject.begin();
  Training(subject, mixed_sequences()).steps(/*count=*/3);
  const auto& trained = subject.method().trainable();
  for (size_t i = 0; i < trained.size(); ++i) {
    finding.demand(!torch::equal(trained[i].tensor, starts[i]),
                   trained[i].name + ": is where it started after three steps");
    finding.demand(trained[i].tensor.isfinite().all().item<bool>(),
                   trained[i].name + ": is not finite after three steps");
  }
  return finding;
}

Finding follows_the_seed(const Trial& trial) {
  Finding finding;
  const KeepGlobalGenerator keep;
  const auto once = state_after_steps(trial, /*global_seed=*/1);
  const auto again = state_after_steps(trial, /*global_seed=*/2);
  for (const auto& [name, tensor] : once) finding.same(again.at(name), tensor, name + " with the same seed");
  at::manual_seed(1);
  Subject one(trial, {.seed = 1});
  at::manual_seed(1);
  Subject other(trial, {.seed = 2});
  if (one.points().num_drawn() == 0) return finding;
  bool differs = false;
  const auto state = other.method().state();
  for (const auto& [name, tensor] : one.method().state()) differs = differs || !torch::equal(state.at(name), tensor);
  // What is in no state shows in what is computed, away from a start that hides it.
  one.perturb();
  other.perturb();
  const auto sequence = mixed_sequences().front();
  differs = differs || !torch::equal(one.logits(sequence), other.logits(sequence));
  finding.demand(differs, "draws random numbers, but starts from the same bits with another seed");
  return finding;
}

}  // namespace peftlab::check
