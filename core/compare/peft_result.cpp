#include "core/compare/peft_result.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "core/compare/json_access.h"

namespace peftlab::compare {
namespace {

// https://huggingface.co/datasets/openai/gsm8k: the test split of "main".
constexpr int64_t kGsm8kTestItems = 1319;

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// "method/llama-3.2-3B-rank32" -> "method rank32": all runs name the model, which the table says once.
std::string short_name(const std::string& name, const std::string& model_id) {
  const auto slash = name.find('/');
  if (slash == std::string::npos) return name;
  const std::string model = lower(model_id.substr(model_id.rfind('/') + 1)) + "-";
  std::string variant = name.substr(slash + 1);
  if (lower(variant).starts_with(model)) variant = variant.substr(model.size());
  return name.substr(0, slash) + " " + variant;
}

/// The files do not say how many items were scored. A share that is no whole number of them belongs to other items.
int64_t items_of(const io::Json& document, double accuracy) {
  if (find(document, "meta_info", "dataset_info", "gsm8k") == nullptr) return 0;
  const double right = accuracy * static_cast<double>(kGsm8kTestItems);
  return std::abs(right - std::round(right)) < 1e-6 ? kGsm8kTestItems : 0;
}

struct Metrics {
  std::optional<double> test_accuracy, forgetting, num_tokens;
  double step_seconds = 0.0;
};

Metrics metrics_of(const io::Json& document) {
  Metrics metrics;
  const auto* lines = find(document, "train_info", "metrics");
  if (lines == nullptr || !lines->is_array()) return metrics;
  for (const auto& line : *lines) {
    if (const auto seconds = number_at(line, "train time")) metrics.step_seconds += *seconds;
    if (const auto value = number_at(line, "test accuracy")) metrics.test_accuracy = value;
    if (const auto value = number_at(line, "forgetting")) metrics.forgetting = value;
    if (const auto value = number_at(line, "train total tokens")) metrics.num_tokens = value;
  }
  return metrics;
}

void take_facts(Run& run, const io::Json& document) {
  const io::Json nothing = io::Json::object();
  const auto* info = find(document, "run_info", "train_config");
  const io::Json& config = info == nullptr ? nothing : *info;
  run.must_agree = {
      {"kind of record", "PEFT's comparison suite"},
      {"source weights", text_at(config, "model_id") + " " + text_at(document, "meta_info", "model_info", "sha")},
      {"data", text_at(document, "meta_info", "dataset_info", "metamath", "sha") + " " +
                   text_at(document, "meta_info", "dataset_info", "gsm8k", "sha")},
      {"template", text_at(config, "query_template")},
      {"decoding", text_at(config, "generation_kwargs")}};
  run.machine = text_at(document, "meta_info", "system_info", "accelerator") + ", torch " +
                text_at(document, "meta_info", "package_info", "torch-version");
  run.circumstances = {{"machine", run.machine},
                       {"commit", text_at(document, "meta_info", "package_info", "peft-commit-hash")},
                       {"number type", text_at(config, "dtype")},
                       {"adapter in f32", text_at(config, "autocast_adapter_dtype")},
                       {"train.learning_rate", text_at(config, "optimizer_kwargs", "lr")},
                       {"train.weight_decay", text_at(config, "optimizer_kwargs", "weight_decay")},
                       {"train.optimizer", text_at(config, "optimizer_type")},
                       {"train.steps", text_at(config, "max_steps")},
                       {"train.batch_size", text_at(config, "batch_size")}};
  run.base_kept_as = text_at(config, "dtype");
}

}  // namespace

bool is_peft_result(const io::Json& document) {
  return find(document, "run_info", "train_config") != nullptr && find(document, "train_info") != nullptr;
}

Run peft_result_of(const io::Json& document, const std::filesystem::path& file) {
  Run run;
  run.source = file;
  const auto name = text_at(document, "run_info", "experiment_name");
  run.name =
      name.empty() ? file.stem().string() : short_name(name, text_at(document, "run_info", "train_config", "model_id"));
  run.method = name.substr(0, name.find('/'));
  run.seed = count_at(document, "run_info", "train_config", "seed");
  run.started = text_at(document, "run_info", "created_at");
  run.settings = name;
  take_facts(run, document);
  const auto metrics = metrics_of(document);
  run.costs.num_trainable = count_at(document, "train_info", "num_trainable_params");
  run.costs.adapter_bytes = count_at(document, "train_info", "file_size");
  run.costs.peak_memory_bytes = count_at(document, "train_info", "accelerator_memory_max");
  if (metrics.step_seconds > 0.0) run.costs.training_seconds = metrics.step_seconds;
  if (metrics.step_seconds > 0.0 && metrics.num_tokens)
    run.costs.useful_tokens_per_second = *metrics.num_tokens / metrics.step_seconds;
  if (metrics.forgetting) run.forgetting = Forgetting{*metrics.forgetting, {}, {}};
  const auto status = text_at(document, "train_info", "status");
  const auto reason = text_at(document, "run_info", "error_msg");
  if (status != "success") {
    run.problem = status + (reason.empty() ? "" : ": " + reason);
  } else if (!metrics.test_accuracy) {
    run.problem = "finished, but its record holds no test accuracy";
  } else {
    run.splits["test"] = {*metrics.test_accuracy, items_of(document, *metrics.test_accuracy), {}, {}};
  }
  return run;
}

}  // namespace peftlab::compare
