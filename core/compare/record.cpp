#include "core/compare/record.h"

#include <algorithm>
#include <cmath>
#include <system_error>

#include "core/compare/json_access.h"
#include "core/compare/json_skim.h"
#include "core/compare/peft_result.h"
#include "core/compare/predictions.h"
#include "core/compare/record_facts.h"
#include "core/io/files.h"

namespace peftlab::compare {
namespace {

namespace fs = std::filesystem;

constexpr double kRounding = 1e-6;  // two ways of adding up the same scores
constexpr uint64_t kLargestRecordBytes = uint64_t{1} << 28;

std::string joined_methods(const io::Json& record) {
  const auto* methods = find(record, "methods");
  std::string text;
  if (methods == nullptr || !methods->is_array()) return text;
  for (const auto& method : *methods) text += (text.empty() ? "" : " + ") + text_at(method, "name");
  return text;
}

/// Why a run has no result.
std::string unfinished(const io::Json& record) {
  const auto status = text_at(record, "status");
  const auto reason = text_at(record, "reason");
  if (status == "finished") return "";
  if (status == "failed") return "failed: " + (reason.empty() ? std::string("run.json does not say why") : reason);
  if (status == "interrupted") return "interrupted; the command that began it goes on";
  if (status == "running" || status == "new") return "still running, or killed; the command that began it goes on";
  return "its status is '" + status + "', expected finished, failed, interrupted or running";
}

std::optional<Forgetting> forgetting_of(const io::Json& results) {
  const auto* texts = find(results, "forgetting", "texts");
  if (texts == nullptr || !texts->is_array() || texts->empty()) return std::nullopt;
  const io::Json* all = &texts->back();
  for (const auto& text : *texts) {
    if (text_at(text, "kind") == "all") all = &text;
  }
  const auto mean = number_at(*all, "loss_change_nats", "mean");
  if (!mean) return std::nullopt;
  Forgetting forgetting{*mean, number_at(*all, "loss_change_nats", "low_95"),
                        number_at(*all, "loss_change_nats", "high_95"), count_at(*all, "num_windows").value_or(0)};
  if (forgetting.low && !std::isfinite(*forgetting.low)) forgetting.low.reset();
  if (forgetting.high && !std::isfinite(*forgetting.high)) forgetting.high.reset();
  return forgetting;
}

std::optional<int64_t> stored_bytes(const fs::path& folder) {
  std::error_code error;
  int64_t bytes = 0;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".safetensors") bytes += static_cast<int64_t>(it->file_size(error));
  }
  if (error || bytes == 0) return std::nullopt;
  return bytes;
}

Costs costs_of(const io::Json& record, const io::Json& results, const fs::path& folder) {
  Costs costs;
  costs.num_trainable = count_at(record, "num_trainable");
  costs.adapter_bytes = count_at(record, "adapter_bytes");
  if (!costs.adapter_bytes) costs.adapter_bytes = stored_bytes(folder / "adapter");
  costs.useful_tokens_per_second = number_at(results, "training", "useful_tokens_per_second");
  costs.training_seconds = number_at(results, "training", "seconds");
  costs.peak_memory_bytes = count_at(results, "peak_memory_bytes", "training");
  const auto part = [&results](const char* name) { return count_at(results, "training_memory_bytes", name); };
  const auto frozen = part("base_model"), trained = part("trained");
  if (frozen && trained) costs.memory.weights = *frozen + *trained;
  costs.memory.gradients = part("gradients");
  costs.memory.optimizer = part("optimizer");
  costs.memory.activations = part("activations");
  return costs;
}

/// A list of numbers, or a text of 0 and 1 where every item is wrong or right.
std::vector<double> item_scores(const io::Json& items) {
  std::vector<double> scores;
  if (items.is_array()) {
    for (const auto& item : items) scores.push_back(item.is_number() ? item.get<double>() : NAN);
  } else if (items.is_string()) {
    for (const char c : items.get_ref<const std::string&>()) scores.push_back(c == '0' ? 0.0 : c == '1' ? 1.0 : NAN);
  }
  return scores;
}

/// The means that the record holds, and the items' scores where they stand beside them.
std::map<std::string, SplitScore> splits_of(const io::Json& results, const char* which) {
  std::map<std::string, SplitScore> splits;
  const auto* answers = find(results, which);
  if (answers == nullptr || !answers->is_object()) return splits;
  for (const auto& [name, entry] : answers->items()) {
    const auto mean = number_at(entry, "accuracy");
    if (!mean) continue;
    SplitScore score{*mean, count_at(entry, "num_items").value_or(0), {}, text_at(entry, "items")};
    if (const auto* items = find(entry, "item_scores")) score.item_scores = item_scores(*items);
    splits[name] = std::move(score);
  }
  return splits;
}

/// Whether the items' scores are what the mean was made from.
bool add_up(const SplitScore& score) {
  if (static_cast<int64_t>(score.item_scores.size()) != score.num_items) return false;
  double sum = 0.0;
  for (const double item : score.item_scores) sum += item;
  const double mean = sum / static_cast<double>(score.num_items);
  return std::abs(mean - score.mean) <= kRounding || (std::isnan(mean) && std::isnan(score.mean));
}

void take_predictions(Run& run, const fs::path& folder) {
  const auto file = folder / "predictions.jsonl";
  if (!fs::exists(file)) {
    run.warnings.push_back("has no " + file.filename().string() + ": what it answered item by item is unknown");
    return;
  }
  try {
    auto predictions = read_predictions(file);
    const auto take = [](auto& into, auto& from) {
      for (auto& [name, score] : into) {
        const auto found = from.find(name);
        if (found == from.end() || !score.item_scores.empty()) continue;
        score.item_scores = std::move(found->second.item_scores);
        if (score.items.empty()) score.items = found->second.items;
      }
    };
    take(run.splits, predictions.tuned);
    take(run.base_splits, predictions.base);
  } catch (const std::exception& error) {
    run.warnings.push_back(error.what());
  }
}

void take_scores(Run& run, const io::Json& results, const fs::path& folder) {
  run.splits = splits_of(results, "tuned");
  run.base_splits = splits_of(results, "base");
  if (run.splits.empty()) {
    if (run.problem.empty()) run.problem = "finished, but its record holds no score";
    return;
  }
  const bool in_record =
      std::all_of(run.splits.begin(), run.splits.end(), [](const auto& s) { return !s.second.item_scores.empty(); });
  if (!in_record) take_predictions(run, folder);
  for (auto* splits : {&run.splits, &run.base_splits}) {
    for (auto& [name, score] : *splits) {
      if (score.item_scores.empty() || add_up(score)) continue;
      run.warnings.push_back("the scores of its items on " + name +
                             " do not add up to its accuracy; they are left out");
      score.item_scores.clear();
    }
  }
}

/// Texts that a model wrote take most of a record and say nothing here.
io::Json record_in(const fs::path& file) {
  const auto text = io::read_file(file, kLargestRecordBytes);
  try {
    return io::parse_json(without_fields(text, {"free_answers", "wrong_outputs", "reports"}), file.string()).value;
  } catch (const ConfigError&) {
    // A mistake is told by its place in the whole.
    return io::parse_json(text, file.string()).value;
  }
}

/// A name for what has no record.
std::string fallback_name(const fs::path& folder) {
  const auto absolute = fs::absolute(folder).lexically_normal();
  const auto last = absolute.has_filename() ? absolute : absolute.parent_path();
  const auto parent = last.parent_path().filename().string();
  return (parent.empty() ? "" : parent + "/") + last.filename().string();
}

}  // namespace

Run run_of(const io::Json& record, const fs::path& folder) {
  Run run;
  run.source = folder;
  run.name = text_at(record, "name");
  if (run.name.empty()) run.name = fallback_name(folder);
  run.method = joined_methods(record);
  run.metric = text_at(record, "data", "metric");
  run.seed = count_at(record, "seed");
  run.started = text_at(record, "started");
  const auto version = count_at(record, "result_version");
  if (!version) {
    run.problem = "run.json is no record of peftlab: it has no result_version";
    return run;
  }
  run.must_agree = {{"result version", std::to_string(*version)}};
  if (*version > kNewestResultVersion) {
    run.problem = "written by a newer peftlab (result version " + std::to_string(*version) + ", this one knows " +
                  std::to_string(kNewestResultVersion) + "); read it with that version";
    run.must_agree.clear();
    return run;
  }
  run.settings = settings_of(record);
  run.identity = text_at(record, "identity");
  run.must_agree = must_agree(record);
  run.machine = machine_of(record);
  run.circumstances = circumstances(record, run.machine);
  const auto quantized = text_at(record, "model", "quantized", "type");
  run.base_kept_as = quantized.empty() ? number_type(record) : quantized;
  run.problem = unfinished(record);
  const auto* results = find(record, "results");
  const io::Json nothing = io::Json::object();
  run.costs = costs_of(record, results == nullptr ? nothing : *results, folder);
  if (run.problem.empty()) {
    run.forgetting = forgetting_of(results == nullptr ? nothing : *results);
    take_scores(run, results == nullptr ? nothing : *results, folder);
  }
  return run;
}

Run read_run(const fs::path& path) {
  std::error_code error;
  const bool folder = fs::is_directory(path, error);
  const auto file = folder ? path / "run.json" : path;
  const auto home = folder ? path : path.parent_path();
  Run run;
  run.source = path;
  run.name = fallback_name(file.filename() == "run.json" ? home : path);
  try {
    if (!fs::exists(file)) {
      run.problem = "has no run.json; the command that began it goes on, or begins anew";
      return run;
    }
    const auto record = record_in(file);
    if (is_peft_result(record)) return peft_result_of(record, path);
    return run_of(record, home.empty() ? fs::path(".") : home);
  } catch (const std::exception& failure) {
    run.problem = std::string("cannot be read: ") + failure.what();
  }
  return run;
}

}  // namespace peftlab::compare
