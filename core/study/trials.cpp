#include "core/study/trials.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "core/compare/json_access.h"
#include "core/io/files.h"
#include "core/lab/run_folder.h"
#include "core/train/schedule.h"

namespace peftlab::study {
namespace {

namespace fs = std::filesystem;

std::vector<lab::Override> as_overrides(const std::vector<std::string>& texts) {
  std::vector<lab::Override> result;
  for (const auto& text : texts) result.push_back(lab::parse_override(text));
  return result;
}

/// Steps of the sweep's whole length.
int64_t whole_length(const SweepFile& sweep, const lab::Experiment& experiment, lab::IdentityFinder& finder) {
  if (sweep.steps) return *sweep.steps;
  auto settings = experiment.train;
  settings.max_steps.reset();
  settings.epochs = sweep.epochs;
  return train::make_plan(settings, finder.num_train_examples(experiment.task)).num_steps;
}

/// The length is the budget's, dev is looked at once, at the end, and nothing else is measured.
std::vector<std::string> trial_overrides(const SweepFile& sweep, int64_t num_steps) {
  std::vector<std::string> texts = {"/train/max_steps=" + std::to_string(num_steps),
                                    "/train/early_stopping=null",
                                    "/train/keep_best=false",
                                    "/evaluate/base=false",
                                    "/evaluate/forgetting=false",
                                    "/evaluate/free_prompts=[]"};
  if (sweep.metric == "loss") {
    texts.push_back("/evaluate/splits=[]");
    texts.push_back("/train/best_metric=loss");
    texts.push_back("/train/evaluate_every={\"steps\": " + std::to_string(num_steps) + "}");
  } else {
    texts.push_back("/evaluate/splits=[\"dev\"]");
    texts.push_back("/train/evaluate_every=null");
  }
  return texts;
}

/// Of the last evaluation, which must be of the last step.
std::optional<double> last_dev_loss(const fs::path& file, int64_t num_steps) {
  std::istringstream lines(io::read_file(file));
  std::optional<double> loss;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("\"dev_loss\"") == std::string::npos) continue;
    const auto json = io::Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (compare::count_at(json, "step") == num_steps) loss = compare::number_at(json, "dev_loss");
  }
  return loss;
}

std::string numbered(int64_t number) {
  const std::string digits = std::to_string(number);
  return "trial" + std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
}

}  // namespace

std::vector<std::string> overrides_of(const Point& settings) {
  std::vector<std::string> texts;
  for (const auto& [pointer, value] : settings) texts.push_back(pointer + "=" + value.dump());
  return texts;
}

Trial planned_trial(const SweepFile& sweep, const Searched& experiment, const Point& settings, int64_t number,
                    double share, const fs::path& folder, lab::IdentityFinder& finder) {
  auto overrides = overrides_of(settings);
  const auto alone = lab::load_experiment(experiment.file, as_overrides(overrides));
  const auto& metric = finder.metric(alone.task);
  if (sweep.metric != "loss" && sweep.metric != metric) {
    throw ConfigError(sweep.path.string() + ": /metric: the task of '" + experiment.name + "' is scored by '" + metric +
                      "', expected that or 'loss'");
  }
  const auto whole = static_cast<double>(whole_length(sweep, alone, finder));
  Trial trial;
  trial.number = number;
  trial.settings = settings;
  trial.num_steps = std::max<int64_t>(1, std::llround(share * whole));
  for (auto& text : trial_overrides(sweep, trial.num_steps)) overrides.push_back(std::move(text));
  const auto loaded = lab::load_experiment(experiment.file, as_overrides(overrides));
  trial.num_examples = trial.num_steps * loaded.train.batch_size * loaded.train.gradient_accumulation;
  trial.run = planned(loaded, sweep.seed, overrides, folder / experiment.name / numbered(number), finder);
  return trial;
}

void read_score(Trial& trial, const SweepFile& sweep) {
  if (trial.run.state != RunState::finished) return;
  try {
    const auto record = lab::read_record(trial.run.folder);
    trial.seconds = compare::number_at(record, "total_seconds").value_or(0.0) +
                    compare::number_at(record, "earlier_seconds").value_or(0.0);
    trial.score = sweep.metric == "loss" ? last_dev_loss(trial.run.folder / "metrics.jsonl", trial.num_steps)
                                         : compare::number_at(record, "results", "tuned", "dev", "accuracy");
    trial.run.reason = trial.score ? "its score on dev is not a number" : "it left no score on dev";
  } catch (const ConfigError& error) {
    trial.run.reason = error.what();
  }
  if (trial.score && std::isfinite(*trial.score)) {
    trial.run.reason.clear();
  } else {
    trial.score.reset();
    trial.run.state = RunState::failed;
  }
}

}  // namespace peftlab::study
