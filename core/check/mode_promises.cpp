// Training and evaluation, patches on and off, types.
#include <torch/types.h>
#include <torch/utils.h>

#include "core/check/promise.h"
#include "core/kernels/dropout_clock.h"

namespace peftlab::check {
namespace {

/// The base model as it is kept: matrices that the method stores in another way are so here too.
std::unique_ptr<model::Decoder> base_of(Subject& subject, const Trial& trial) {
  auto base = std::make_unique<model::Decoder>(*toy_source(*trial.model, kToySeed), torch::kFloat32, torch::kCPU);
  for (const auto& name : subject.points().stored()) {
    auto& linears = base->weights().linears();
    for (size_t i = 0; i < linears.size(); ++i) {
      if (linears[i].base.name() == name)
        linears[i].base.set_storage(subject.decoder().weights().linears()[i].base.storage());
    }
  }
  return base;
}

}  // namespace

Finding trains_as_it_evaluates(const Trial& trial) {
  Finding finding;
  Subject subject(trial, {.type = torch::kFloat64});
  subject.begin();
  subject.perturb();
  const auto sequences = mixed_sequences();
  for (const auto& sequence : sequences) {
    const uint64_t draws = kernels::num_dropout_draws();
    const auto evaluated = subject.logits(sequence);
    finding.demand(kernels::num_dropout_draws() == draws, "drops inputs in evaluation");
    finding.same(subject.logits(sequence), evaluated, "logits in evaluation computed twice");
    subject.train(true);
    const kernels::DropoutOff off;
    const auto trained = subject.logits(sequence);
    subject.train(false);
    finding.close(trained, evaluated, allowed_difference(subject.decoder(), torch::kFloat64, magnitude(evaluated)),
                  "logits in training, dropout left out, against evaluation");
  }
  return finding;
}

Finding can_be_switched_off(const Trial& trial) {
  Finding finding;
  Subject subject(trial);
  subject.begin();
  Training(subject, mixed_sequences()).steps(/*count=*/1);
  subject.perturb();
  const auto base = base_of(subject, trial);
  torch::NoGradGuard no_grad;
  for (const auto& sequence : mixed_sequences()) {
    const model::PatchesOff off(subject.decoder());
    const auto expected = base->logits(base->hidden(model::make_batch({sequence}, /*share_beginning=*/false)));
    finding.same(subject.logits(sequence), expected, "logits with the patches switched off");
  }
  return finding;
}

Finding takes_bfloat16(const Trial& trial) {
  Finding finding;
  Subject subject(trial, {.type = torch::kBFloat16});
  subject.begin();
  subject.perturb();
  subject.train(true);
  const auto sequences = mixed_sequences();
  const auto rows = subject.decoder().hidden(model::make_batch(sequences, /*share_beginning=*/true));
  finding.demand(rows.scalar_type() == torch::kBFloat16, std::string("rows of a bfloat16 model come out as ") +
                                                             torch::toString(rows.scalar_type()) +
                                                             "; give a result the type of x");
  const auto gradients = subject.step_gradients(sequences, static_cast<int64_t>(sequences.size()), /*share=*/true);
  const auto& trained = subject.method().trainable();
  for (size_t i = 0; i < trained.size(); ++i) {
    finding.demand(gradients[i].defined() && gradients[i].isfinite().all().item<bool>(),
                   trained[i].name + ": its gradient is missing or not finite on a bfloat16 base");
  }
  subject.train(false);
  finding.demand(subject.logits(sequences.front()).isfinite().all().item<bool>(),
                 "logits of a bfloat16 base are not finite");
  return finding;
}

}  // namespace peftlab::check
