// metrics.jsonl as curves, aligned by what was seen.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace peftlab::compare {

struct CurvePoint {
  int64_t step = 0;
  int64_t num_useful_tokens = 0;  // seen so far, this step included
  double training_seconds = 0.0;  // spent on steps so far
  double task_loss = 0.0;  // nats per labelled token; NaN where the log says so. What a method adds to it stands apart
};

struct LearningCurve {
  std::vector<CurvePoint> points;     // steps strictly rising
  std::vector<std::string> warnings;  // lines that could not be read
};

/// Lines that are no training step (an evaluation's) are passed over; a torn last line is no mistake. Throws
/// ConfigError where the file cannot be read.
LearningCurve read_learning_curve(const std::filesystem::path& metrics_file);

}  // namespace peftlab::compare
