// How well a model does a task: answers generated and scored, and the loss on the reference answers.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/data/example.h"
#include "core/data/metric.h"
#include "core/evaluate/generate.h"

namespace peftlab::evaluate {

/// One item, as predictions.jsonl keeps it.
struct Prediction {
  int64_t row = 0;  // of the record in its source
  std::string reference;
  std::string text;    // as generated
  double score = 0.0;  // 0 to 1
  std::string reason;  // why it is less than 1
  bool ended = false;
};

struct TaskScore {
  double mean = 0.0;      // of the metric over the items
  int64_t num_items = 0;
  int64_t num_generated = 0;  // tokens
  double seconds = 0.0;
  std::vector<Prediction> predictions;  // in the order of the items
};

/// Generates an answer for every example and scores it. REQUIRES: the rule's metric needs generation.
TaskScore score_task(const model::Decoder& decoder, const text::Tokenizer& tokenizer, const std::vector<data::Example>& examples,
                     const data::AnswerRule& rule, const GenerateOptions& options);

struct MeanLoss {
  double per_token = 0.0;  // nats
  int64_t num_labels = 0;
};

/// Negative log-likelihood of the trained-on tokens: sum over all examples / number of labels.
MeanLoss mean_loss(const model::Decoder& decoder, const std::vector<model::Sequence>& sequences, int64_t batch_size,
                   const std::function<bool()>& cancelled = {});

/// The examples as sequences with labels where they are trained on.
std::vector<model::Sequence> training_sequences(const std::vector<data::Example>& examples);

}  // namespace peftlab::evaluate
