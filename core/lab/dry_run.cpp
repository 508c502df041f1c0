#include <sstream>

#include "core/data/task/task.h"
#include "core/lab/adapter_base.h"
#include "core/lab/method_set.h"
#include "core/lab/places.h"
#include "core/lab/run.h"
#include "core/model/sources/weight_source.h"
#include "core/train/schedule.h"

namespace peftlab::lab {
namespace {

namespace fs = std::filesystem;

/// Examples of the training split where the task names its size; 0 where only reading the data would tell.
int64_t training_examples(const data::Task& task) {
  for (const auto& [name, size] : task.split.sizes) {
    if (name == "train") return size;
  }
  return 0;
}

/// What is there already is checked; a model of the list may have yet to be fetched.
std::string model_line(const Experiment& experiment) {
  const ModelChoice& model = experiment.model;
  if (model.path.empty()) {
    if (!is_listed("models.json", model.name)) model_path(model.name);  // says what is wrong
    return model.name + " of models.json, fetched into " + cache_folder().string() + " where it is missing";
  }
  const auto source = model::open_weights(model.path);
  check_base(experiment, model.path, [&] { return source->hash(); });
  return model.path.string();
}

/// "" where the matrices stay as they are.
std::string quantize_line(const ModelChoice& model) {
  if (!model.quantize) return "";
  const auto& options = model.quantize->options;
  return "  quantise " + options.type + (options.double_quantization ? ", scales quantised too" : ", plain scales") + ", blocks of " +
         std::to_string(options.block_size) + ", while the model is loaded\n";
}

std::string data_line(const data::Task& task) {
  if (!task.source.dataset.empty()) return "data set " + task.source.dataset + ", fetched where it is missing";
  if (!fs::exists(task.source.file)) throw ConfigError(task.path.string() + ": /source/file: no such file: " + task.source.file.string());
  return task.source.file.string();
}

}  // namespace

std::string describe_run(Experiment experiment) {
  const auto created = create_methods(experiment);
  const data::Task task = data::load_task(experiment.task);
  std::ostringstream out;
  out << experiment.name << ", seed " << experiment.seed << "\n  about    " << experiment.about << "\n  model    "
      << model_line(experiment) << "\n" << quantize_line(experiment.model) << "  task     " << task.path.string()
      << "\n  data     " << data_line(task) << "\n";
  for (const auto& method : created) out << "  method   " << method.name() << " " << method.options.dump() << "\n";
  const int64_t examples = training_examples(task);
  if (examples > 0) {
    const auto plan = train::make_plan(experiment.train, examples);
    out << "  training " << plan.num_steps << " steps of " << plan.examples_per_step << " examples, " << plan.steps_per_epoch
        << " steps an epoch, " << plan.warmup_steps << " of warm-up\n";
  }
  out << "Everything that can be checked without loading is in order; nothing was started.\n";
  return out.str();
}

}  // namespace peftlab::lab
