#include "core/lab/workload.h"

#include <algorithm>

#include "core/lab/places.h"

namespace peftlab::lab {
namespace {

/// The splits the experiment reads: training, those evaluated at the end, and dev where the run looks at it.
std::vector<std::string> wanted_splits(const Experiment& experiment) {
  std::vector<std::string> names = {"train"};
  for (const auto& name : experiment.evaluate.splits) names.push_back(name);
  if (!experiment.train.evaluate_every.never()) names.push_back("dev");
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace

const std::vector<data::Example>& Workload::examples(const std::string& split) const {
  const auto at = splits.find(split);
  TORCH_INTERNAL_ASSERT(at != splits.end(), "split ", split, " was not loaded");
  return at->second.examples;
}

data::Task resolve_task(const std::filesystem::path& path) {
  data::Task task = data::load_task(path);
  if (!task.source.dataset.empty()) task.source.file = fetch("datasets.json", task.source.dataset);
  return task;
}

Workload make_workload(Workload work, const Experiment& experiment, const data::ChatFormat& format, int64_t longest) {
  data::ExampleOptions options;
  options.max_length = experiment.train.max_length.value_or(longest);
  options.train_on = experiment.train.train_on == train::TrainOn::all ? data::TrainOn::all : data::TrainOn::answer;
  for (const auto& name : wanted_splits(experiment)) {
    auto cached = data::cached_examples(cache_folder() / "examples", work.task, work.dataset, name, format, options);
    if (name == "train") work.cache_about = cached.about;
    if (cached.set.examples.empty()) {
      throw ConfigError(experiment.task.string() + ": /split: '" + name + "' is empty, and the experiment needs it");
    }
    work.splits[name] = std::move(cached.set);
  }
  return work;
}

}  // namespace peftlab::lab
