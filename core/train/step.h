// One optimizer step: micro-batches, loss, gradients.
#pragma once

#include "core/train/trainer.h"

namespace peftlab::train {

/// Forward and backward over the examples of one step. The loss is the sum of the token losses of all micro-batches over the
/// number of labels of all of them, so that accumulating k micro-batches is the big batch.
class StepRunner {
 public:
  explicit StepRunner(const Job& job);

  /// Leaves gradients in the trained tensors and fills the loss and token counts of the report.
  void accumulate(const std::vector<size_t>& examples, StepReport& report);

  /// Whether a common beginning is computed once; with dropout it is not, unless asked: one mask would serve all examples.
  bool sharing() const { return sharing_; }

 private:
  /// Adds the gradients of one micro-batch; returns the sum of its token losses.
  torch::Tensor micro_batch(const std::vector<size_t>& examples, int64_t step, int64_t index, double num_labels, StepReport& report);
  /// The sum of the token losses of one micro-batch, and the batch.
  /// The batch of the sequences, filled up with rows where those cost less than code for another number of them.
  model::Batch batch_of(const std::vector<model::Sequence>& sequences) const;
  std::pair<torch::Tensor, model::Batch> forward(const std::vector<size_t>& examples, int64_t step, int64_t index);
  torch::Tensor weighted_losses(const model::Batch& batch, int64_t step, int64_t index) const;

  const Job& job_;
  bool sharing_;
  bool may_switch_;  // sharing is automatic and no dropout was seen yet
};

}  // namespace peftlab::train
