#include "core/train/step.h"

#include <ATen/record_function.h>

#include <algorithm>

#include "core/io/streams.h"
#include "core/kernels/dropout_clock.h"
#include "core/kernels/row_multiple.h"
#include "core/model/labels.h"
#include "core/train/operation_log.h"

namespace peftlab::train {
namespace {

std::vector<model::Sequence> chosen(const std::vector<model::Sequence>& all, const std::vector<size_t>& which) {
  std::vector<model::Sequence> some;
  for (size_t i : which) some.push_back(all[i]);
  return some;
}

int64_t count_labels(const Job& job, const std::vector<size_t>& which) {
  int64_t count = 0;
  for (size_t i : which) count += model::num_labels_of(*job.decoder, job.examples[i]);
  return count;
}

}  // namespace

StepRunner::StepRunner(const Job& job)
    : job_(job), sharing_(job.settings.share_prefix != SharePrefix::off),
      may_switch_(job.settings.share_prefix == SharePrefix::automatic) {}

torch::Tensor StepRunner::weighted_losses(const model::Batch& batch, int64_t step, int64_t index) const {
  kernels::set_dropout_clock(io::stream_seed(job_.seed, io::kDropoutStream), step, index);
  const auto losses = job_.decoder->label_losses(batch);
  return (losses * batch.label_counts.to(losses.device(), losses.scalar_type())).sum();
}

torch::Tensor StepRunner::micro_batch(const std::vector<size_t>& examples, int64_t step, int64_t index, double num_labels,
                                      StepReport& report) {
  auto [loss, batch] = forward(examples, step, index);
  RECORD_USER_SCOPE(kBackwardPhase);
  (loss / num_labels).backward();
  report.num_useful += batch.num_useful;
  report.num_computed += batch.num_rows();
  report.num_labels += batch.num_labels;
  return loss.detach();
}

model::Batch StepRunner::batch_of(const std::vector<model::Sequence>& sequences) const {
  auto batch = model::labelled_batch(*job_.decoder, sequences, sharing_);
  const auto& decoder = *job_.decoder;
  if (kernels::makes_code_for_rows(decoder.type(), decoder.device())) {
    model::fill_rows(batch, decoder.num_virtual_rows(), kernels::kRowMultiple);
  }
  return batch;
}

std::pair<torch::Tensor, model::Batch> StepRunner::forward(const std::vector<size_t>& examples, int64_t step, int64_t index) {
  RECORD_USER_SCOPE(kForwardPhase);
  const auto sequences = chosen(job_.examples, examples);
  auto batch = batch_of(sequences);
  const uint64_t draws = kernels::num_dropout_draws();
  auto loss = weighted_losses(batch, step, index);
  if (may_switch_ && sharing_ && kernels::num_dropout_draws() != draws) {
    sharing_ = false;
    batch = batch_of(sequences);
    loss = weighted_losses(batch, step, index);
  }
  may_switch_ = false;
  return {std::move(loss), std::move(batch)};
}

void StepRunner::accumulate(const std::vector<size_t>& examples, StepReport& report) {
  const int64_t num_labels = count_labels(job_, examples);
  TORCH_CHECK(num_labels > 0, "a step without a labelled token");
  const size_t size = static_cast<size_t>(job_.settings.batch_size);
  double sum = 0.0;
  for (size_t at = 0; at < examples.size(); at += size) {
    const std::vector<size_t> part(examples.begin() + at, examples.begin() + std::min(at + size, examples.size()));
    sum += micro_batch(part, report.step, static_cast<int64_t>(at / size), static_cast<double>(num_labels), report).item<double>();
  }
  report.loss_task = sum / static_cast<double>(num_labels);
  for (auto* method : job_.methods) {
    const auto penalty = method->method().penalty();
    if (!penalty.defined()) continue;
    penalty.backward();
    report.loss_penalty += penalty.item<double>();
  }
  report.loss = report.loss_task + report.loss_penalty;
}

}  // namespace peftlab::train
