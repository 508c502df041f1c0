// What a batch may not change.
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>

#include "core/check/promise.h"
#include "core/kernels/dropout_clock.h"

namespace peftlab::check {
namespace {

using model::Sequence;

/// Logits (T, V) of each sequence of a batch, put together from its segments.
std::vector<torch::Tensor> logits_by_sequence(Subject& subject, const std::vector<Sequence>& sequences, bool share) {
  const auto batch = model::make_batch(sequences, share);
  const auto logits = subject.logits(batch);
  const auto& segments = batch.layout.segments;
  const size_t roots = segments.size() - sequences.size();  // a shared beginning, or none
  std::vector<torch::Tensor> all;
  for (size_t i = roots; i < segments.size(); ++i) {
    const auto own = logits.slice(/*dim=*/0, segments[i].begin, segments[i].end);
    all.push_back(roots == 0 ? own : torch::cat({logits.slice(/*dim=*/0, segments[0].begin, segments[0].end), own}));
  }
  return all;
}

Sequence beginning_of(const Sequence& sequence, int64_t length) {
  return model::unlabelled({sequence.ids.begin(), sequence.ids.begin() + length});
}

void compare_gradients(Finding& finding, Subject& subject, const std::vector<torch::Tensor>& actual,
                       const std::vector<torch::Tensor>& expected, const std::string& when) {
  double largest = 0.0;
  for (const auto& gradient : expected) largest = std::max(largest, gradient.defined() ? magnitude(gradient) : 0.0);
  const double allowed = allowed_difference(subject.decoder(), torch::kFloat64, largest, /*passes=*/2);
  const auto& trained = subject.method().trainable();
  for (size_t i = 0; i < trained.size(); ++i) {
    if (!actual[i].defined() && !expected[i].defined()) continue;
    finding.close(actual[i], expected[i], allowed, trained[i].name + ": its gradient " + when);
  }
}

}  // namespace

Finding treats_sequences_apart(const Trial& trial) {
  Finding finding;
  Subject subject(trial, {.type = torch::kFloat64});
  subject.perturb();
  const auto sequences = mixed_sequences();
  std::vector<torch::Tensor> alone;
  for (const auto& sequence : sequences) alone.push_back(subject.logits(sequence));
  double largest = 0.0;
  for (const auto& logits : alone) largest = std::max(largest, magnitude(logits));
  const double allowed = allowed_difference(subject.decoder(), torch::kFloat64, largest);
  for (const bool share : {false, true}) {
    const auto together = logits_by_sequence(subject, sequences, share);
    for (size_t i = 0; i < sequences.size(); ++i) {
      finding.close(
          together[i], alone[i], allowed,
          std::string("logits of a sequence among others") + (share ? ", their beginning computed once" : ""));
    }
  }
  for (size_t i = 0; i < sequences.size(); ++i) {
    for (const int64_t length : {int64_t{1}, alone[i].size(0) / 2}) {
      const auto beginning = subject.logits(beginning_of(sequences[i], length));
      finding.close(beginning, alone[i].narrow(/*dim=*/0, 0, length), allowed,
                    "logits of the first " + std::to_string(length) + " tokens of a sequence, cut off there");
    }
  }
  return finding;
}

Finding accumulates(const Trial& trial) {
  Finding finding;
  const kernels::DropoutOff off;  // each micro-batch has masks of its own
  Subject subject(trial, {.type = torch::kFloat64});
  subject.begin();
  subject.perturb();
  subject.train(true);
  const auto sequences = mixed_sequences();
  const auto size = static_cast<int64_t>(sequences.size());
  const auto whole = subject.step_gradients(sequences, size, /*share=*/false);
  compare_gradients(finding, subject, subject.step_gradients(sequences, size, /*share=*/true), whole,
                    "with the beginning computed once");
  compare_gradients(finding, subject, subject.step_gradients(sequences, 1, /*share=*/false), whole,
                    "of single examples");
  compare_gradients(finding, subject, subject.step_gradients(sequences, size - 1, /*share=*/false), whole,
                    "of unequal micro-batches");
  return finding;
}

Finding can_be_recomputed(const Trial& trial) {
  Finding finding;
  Subject subject(trial, {.type = torch::kFloat64});
  subject.begin();
  subject.perturb();
  subject.train(true);
  const auto sequences = mixed_sequences();
  const auto size = static_cast<int64_t>(sequences.size());
  const auto kept = subject.step_gradients(sequences, size, /*share=*/false);
  subject.decoder().set_checkpointing(true);
  compare_gradients(finding, subject, subject.step_gradients(sequences, size, /*share=*/false), kept,
                    "with layers computed again");
  return finding;
}

}  // namespace peftlab::check
