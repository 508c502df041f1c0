// Metrics: what a generated answer is worth beside the reference. A task names one; a new one is a row in metric.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/data/task/task.h"

namespace peftlab::data {

struct Score {
  double value = 0;    // 0 to 1
  std::string reason;  // why it is less than 1: "not JSON: …", "wrong field 'town': got …, expected …"
};

/// Names for a task's "metric", "loss" among them.
const std::vector<std::string>& metric_names();

/// Whether answers must be generated ("loss" needs none).
bool needs_generation(const std::string& metric);

/// The part of a generated text that is the answer: up to the first stop string, which JSON keeps; white space at the ends
/// taken away.
std::string read_answer(const AnswerRule& rule, std::string_view generated);

/// Scores one generated text. REQUIRES: needs_generation(rule.metric). Bytes that are not UTF-8 in it are a wrong answer.
Score score_answer(const AnswerRule& rule, std::string_view generated, std::string_view reference);

}  // namespace peftlab::data
