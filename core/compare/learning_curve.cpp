#include "core/compare/learning_curve.h"

#include <string_view>

#include "core/compare/json_access.h"
#include "core/io/files.h"

namespace peftlab::compare {
namespace {

/// Adds the step that a line tells of to what was seen before it.
void take(const io::Json& line, LearningCurve& curve) {
  const auto step = count_at(line, "step");
  const auto tokens = count_at(line, "num_useful_tokens");
  const auto loss = number_at(line, "loss_task");
  if (!step || !tokens || !loss) return;
  if (!curve.points.empty() && *step <= curve.points.back().step) {
    curve.warnings.push_back("step " + std::to_string(*step) + " stands behind step " +
                             std::to_string(curve.points.back().step));
    return;
  }
  CurvePoint point = curve.points.empty() ? CurvePoint{} : curve.points.back();
  point.step = *step;
  point.num_useful_tokens += *tokens;
  point.training_seconds += number_at(line, "seconds").value_or(0.0);
  point.task_loss = *loss;
  curve.points.push_back(point);
}

}  // namespace

LearningCurve read_learning_curve(const std::filesystem::path& metrics_file) {
  const std::string text = io::read_file(metrics_file);
  LearningCurve curve;
  size_t number = 1;
  for (size_t begin = 0; begin < text.size(); ++number) {
    const size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;  // torn while it was written
    const auto line =
        io::Json::parse(std::string_view(text).substr(begin, end - begin), nullptr, /*allow_exceptions=*/false);
    if (line.is_object()) {
      take(line, curve);
    } else {
      curve.warnings.push_back(metrics_file.string() + ":" + std::to_string(number) +
                               ": expected one JSON object a line");
    }
    begin = end + 1;
  }
  return curve;
}

}  // namespace peftlab::compare
