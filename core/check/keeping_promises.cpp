// What is kept of a trained method: merged weights, the state of a run, the adapter.
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>

#include "core/check/adapter_trip.h"
#include "core/check/promise.h"
#include "core/lab/merge.h"

namespace peftlab::check {
namespace {

torch::ScalarType coarsest(const Tensors& tensors, const std::vector<std::string>& names) {
  const bool single = std::any_of(names.begin(), names.end(),
                                  [&](const auto& n) { return tensors.at(n).scalar_type() != torch::kFloat64; });
  return single ? torch::kFloat32 : torch::kFloat64;
}

void compare_states(Finding& finding, const Tensors& actual, const Tensors& expected, const std::string& when) {
  finding.demand(actual.size() == expected.size(), "holds " + std::to_string(actual.size()) + " tensors " + when +
                                                       ", expected " + std::to_string(expected.size()));
  for (const auto& [name, tensor] : expected) {
    const auto found = actual.find(name);
    finding.same(found == actual.end() ? torch::Tensor() : found->second, tensor, name + " " + when);
  }
}

void compare_logits(Finding& finding, Subject& actual, Subject& expected, const std::string& when) {
  const auto sequences = mixed_sequences();
  for (size_t i = 0; i < sequences.size(); ++i) {
    finding.same(actual.logits(sequences[i]), expected.logits(sequences[i]),
                 "logits of sequence " + std::to_string(i) + " " + when);
  }
}

}  // namespace

Finding merges(const Trial& trial) {
  Finding finding;
  Subject subject(trial, {.type = torch::kFloat64});
  subject.perturb();
  lab::MergedModel merged;
  try {
    merged = lab::merged_model(subject.decoder(), subject.set());
  } catch (const ConfigError&) {
    finding.leave("cannot be merged");
    return finding;
  }
  const auto type = coarsest(merged.tensors, merged.changed);
  const model::Decoder decoder(*memory_source(merged.spec, merged.tensors), torch::kFloat64, torch::kCPU);
  torch::NoGradGuard no_grad;
  for (const auto& sequence : mixed_sequences()) {
    const auto unmerged = subject.logits(sequence);
    const auto logits = decoder.logits(decoder.hidden(model::make_batch({sequence}, /*share_beginning=*/false)));
    finding.close(logits, unmerged, allowed_difference(subject.decoder(), type, magnitude(unmerged)),
                  "logits of the merged model");
  }
  return finding;
}

Finding is_saved_and_read(const Trial& trial) {
  Finding finding;
  Subject subject(trial, {.seed = 1});
  subject.begin();
  Training(subject, mixed_sequences()).steps(/*count=*/1);
  subject.perturb();
  const auto saved = copied(subject.method().state());
  // Another seed: what is not in the state is not there by chance.
  Subject other(trial, {.seed = 2});
  other.begin();
  other.method().load_state(saved);
  compare_states(finding, other.method().state(), saved, "after it was read");
  compare_logits(finding, other, subject, "after reading");
  return finding;
}

Finding resumes(const Trial& trial) {
  Finding finding;
  Subject straight(trial);
  straight.begin();
  Training training(straight, mixed_sequences());
  training.steps(/*count=*/2);
  const auto saved = training.save();
  training.steps(/*count=*/2);
  Subject resumed(trial);
  resumed.begin();
  Training second(resumed, mixed_sequences());
  second.load(saved);
  second.steps(/*count=*/2);
  compare_states(finding, resumed.method().state(), straight.method().state(), "after resuming");
  compare_states(finding, second.save().optimizer, training.save().optimizer, "of the optimizer after resuming");
  compare_logits(finding, resumed, straight, "after resuming");
  return finding;
}

Finding exports_and_reads_back(const Trial& trial) {
  Finding finding;
  Subject subject(trial, {.type = torch::kFloat64});
  subject.perturb();
  const Adapter adapter = as_from_a_file(subject.method().adapter("toy"));
  for (const auto& [name, tensor] : adapter.tensors) {
    finding.demand(tensor.is_contiguous() && tensor.isfinite().all().item<bool>(),
                   name + ": is not finite in the adapter");
  }
  // Another method may be the one that reads: then it meets the base as this one keeps it.
  const bool own = reads_its_own(trial.library, adapter);
  Subject read(trial, {.type = torch::kFloat64, .seed = 2, .base_of = own ? nullptr : &subject, .loaded = &adapter},
               created_from(trial.library, adapter));
  compare_states(finding, read.method().adapter("toy").tensors, adapter.tensors, "of the adapter");
  for (const auto& sequence : mixed_sequences()) {
    const auto expected = subject.logits(sequence);
    finding.close(read.logits(sequence), expected,
                  allowed_difference(read.decoder(), torch::kFloat64, magnitude(expected)),
                  "logits of the adapter that was read");
  }
  for (const auto& other : own ? others_that_read(trial.library, adapter) : std::vector<std::string>())
    finding.demand(false, "'" + other + "' reads its adapter too");
  finding.demand(!takes_foreign_adapters(trial.library), "takes an adapter of a peft_type that is not its own");
  return finding;
}

}  // namespace peftlab::check
