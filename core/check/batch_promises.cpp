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

/// A method moved off its start, in training, whose gradients are to be those of all examples at once.
class StepGradients {
 public:
  explicit StepGradients(const Trial& trial) : subject_(trial, {.type = torch::kFloat64}) {
    subject_.begin();
    subject_.perturb();
    subject_.train(true);
    whole_ = subject_.step_gradients(sequences_, size(), /*share=*/false);
    double largest = 0.0;
    for (const auto& gradient : whole_) largest = std::max(largest, gradient.defined() ? magnitude(gradient) : 0.0);
    allowed_ = allowed_difference(subject_.decoder(), torch::kFloat64, largest, /*passes=*/2);
  }

  Subject& subject() { return subject_; }
  int64_t size() const { return static_cast<int64_t>(sequences_.size()); }

  void expect_same(Finding& finding, int64_t batch_size, bool share, const std::string& when) {
    const auto gradients = subject_.step_gradients(sequences_, batch_size, share);
    const auto& trained = subject_.method().trainable();
    for (size_t i = 0; i < trained.size(); ++i) {
      if (!gradients[i].defined() && !whole_[i].defined()) continue;
      finding.close(gradients[i], whole_[i], allowed_, trained[i].name + ": its gradient " + when);
    }
  }

 private:
  Subject subject_;
  std::vector<Sequence> sequences_ = mixed_sequences();
  std::vector<torch::Tensor> whole_;
  double allowed_ = 0.0;
};

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
  StepGradients gradients(trial);
  gradients.expect_same(finding, gradients.size(), /*share=*/true, "with the beginning computed once");
  gradients.expect_same(finding, 1, /*share=*/false, "of single examples");
  gradients.expect_same(finding, gradients.size() - 1, /*share=*/false, "of unequal micro-batches");
  return finding;
}

Finding can_be_recomputed(const Trial& trial) {
  Finding finding;
  StepGradients gradients(trial);
  gradients.subject().decoder().set_checkpointing(true);
  gradients.expect_same(finding, gradients.size(), /*share=*/false, "with layers computed again");
  return finding;
}

}  // namespace peftlab::check
