#include "core/evaluate/task_score.h"

#include <algorithm>
#include <chrono>

#include "core/model/labels.h"

namespace peftlab::evaluate {

TaskScore score_task(const model::Decoder& decoder, const text::Tokenizer& tokenizer, const std::vector<data::Example>& examples,
                     const data::AnswerRule& rule, const GenerateOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::vector<int64_t>> prompts;
  for (const auto& example : examples) prompts.push_back(example.prompt);
  const auto answers = generate(decoder, &tokenizer, prompts, options);
  TaskScore result;
  for (size_t i = 0; i < examples.size(); ++i) {
    const auto score = data::score_answer(rule, answers[i].text, examples[i].reference);
    result.predictions.push_back({examples[i].row, examples[i].reference, answers[i].text, score.value, score.reason, answers[i].ended});
    result.mean += score.value;
    result.num_generated += static_cast<int64_t>(answers[i].ids.size());
  }
  result.num_items = static_cast<int64_t>(examples.size());
  if (result.num_items > 0) result.mean /= static_cast<double>(result.num_items);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

MeanLoss mean_loss(const model::Decoder& decoder, const std::vector<model::Sequence>& sequences, int64_t batch_size,
                   const std::function<bool()>& cancelled) {
  torch::NoGradGuard no_grad;
  double sum = 0.0;
  MeanLoss result;
  const size_t size = static_cast<size_t>(batch_size);
  for (size_t at = 0; at < sequences.size() && !(cancelled && cancelled()); at += size) {
    const std::vector<model::Sequence> part(sequences.begin() + at, sequences.begin() + std::min(at + size, sequences.size()));
    const auto batch = model::labelled_batch(decoder, part, /*share_beginning=*/true);
    if (batch.num_labels == 0) continue;
    const auto losses = decoder.label_losses(batch).to(torch::kCPU, torch::kFloat64);
    sum += (losses * batch.label_counts.to(torch::kFloat64)).sum().item<double>();
    result.num_labels += batch.num_labels;
  }
  result.per_token = result.num_labels > 0 ? sum / static_cast<double>(result.num_labels) : 0.0;
  return result;
}

std::vector<model::Sequence> training_sequences(const std::vector<data::Example>& examples) {
  std::vector<model::Sequence> sequences;
  for (const auto& example : examples) {
    auto sequence = model::unlabelled(example.ids);
    for (size_t i = 0; i < example.ids.size(); ++i) {
      if (example.trained[i] != 0) sequence.labels[i] = example.ids[i];
    }
    sequences.push_back(std::move(sequence));
  }
  return sequences;
}

}  // namespace peftlab::evaluate
