// `peftlab data`: what a task's data is, what was dropped, and what a model will be trained on.
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "core/cli/commands.h"
#include "core/data/model_chat_format.h"
#include "core/data/report/report.h"
#include "core/lab/loaded_model.h"
#include "core/lab/places.h"
#include "core/lab/workload.h"
#include "core/report/terminal.h"

namespace peftlab::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kNarrowest = 40, kWidest = 80;  // columns

struct DataOptions {
  std::string task, model, folder, train_on = "answer";
  int previews = 2;
  int64_t max_length = 0;
  bool json = false;
};

fs::path task_file(const std::string& name) {
  if (fs::is_regular_file(name)) return name;
  const fs::path folder = lab::experiments_folder() / "tasks";
  for (const auto& candidate : {folder / name, folder / (name + ".json")}) {
    if (name.find('/') == std::string::npos && fs::is_regular_file(candidate)) return candidate;
  }
  std::vector<std::string> known;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".json") known.push_back(entry.path().stem());
  }
  std::sort(known.begin(), known.end());
  std::string list;
  for (const auto& one : known) list += (list.empty() ? "" : ", ") + one;
  throw ConfigError(name + ": no such task; expected a task file" + (list.empty() ? "" : ", or one of " + list));
}

/// Keeps what TokenisedSplits points to.
struct Tokenised {
  std::unique_ptr<data::ChatFormat> format;
  data::TokenisedSplits splits;
};

Tokenised tokenise(const data::Dataset& dataset, const DataOptions& o) {
  const auto path = lab::model_path(o.model);
  Tokenised result;
  result.format = data::make_chat_format(lab::load_tokenizer(path), path.string());
  result.splits.format = result.format.get();
  result.splits.model = o.model;
  result.splits.options.max_length = o.max_length > 0 ? o.max_length : model::open_weights(path)->spec().max_positions;
  result.splits.options.train_on = o.train_on == "all" ? data::TrainOn::all : data::TrainOn::answer;
  for (const auto& split : dataset.splits) {
    result.splits.splits.emplace_back(split.name, data::make_examples(split.conversations, *result.format, result.splits.options));
  }
  return result;
}

io::Json reason_json(const data::DropReason& reason) { return {{"count", reason.count}, {"examples", reason.examples}}; }

io::Json tokens_json(const data::ExampleSet& set) {
  int64_t tokens = 0, trained = 0, longest = 0;
  for (const auto& example : set.examples) {
    tokens += static_cast<int64_t>(example.ids.size());
    trained += example.num_trained();
    longest = std::max(longest, example.full_length);
  }
  return {{"num_tokens", tokens},         {"num_trained_tokens", trained},                {"longest_tokens", longest},
          {"num_truncated", set.num_truncated}, {"num_seam_mismatches", set.num_seam_mismatches}, {"end_of_turn", set.end_of_turn}};
}

io::Json report_json(const data::Task& task, const data::Dataset& dataset, const Tokenised* tokens) {
  io::Json drops = io::Json::object();
  for (const auto& [reason, drop] : dataset.drops) drops[reason] = reason_json(drop);
  io::Json splits = io::Json::object();
  for (const auto& split : dataset.splits) splits[split.name] = {{"num_records", split.conversations.size()}};
  if (tokens != nullptr) {
    for (const auto& [name, set] : tokens->splits.splits) splits[name].update(tokens_json(set));
  }
  io::Json characters = io::Json::array();
  for (const auto& c : dataset.characters) {
    characters.push_back({{"code_point", static_cast<uint32_t>(c.character)}, {"in_source", c.in_source}, {"in_records", c.in_records}});
  }
  return {{"task", task.path.filename().string()}, {"source_sha256", dataset.source_sha256}, {"hash", dataset.hash},
          {"num_read", dataset.num_read},          {"num_clean", dataset.num_clean},         {"num_unique", dataset.num_unique},
          {"drops", drops},                        {"duplicates", reason_json(dataset.duplicates)},
          {"leaks", reason_json(dataset.leaks)},   {"splits", splits},                       {"characters", characters}};
}

int show(const DataOptions& o) {
  const auto task = lab::resolve_task(task_file(o.task));
  const auto dataset = data::prepare(task, {.full_account = true});
  std::optional<Tokenised> tokens;
  if (!o.model.empty()) tokens = tokenise(dataset, o);
  if (!o.folder.empty()) data::export_splits(dataset, o.folder);
  if (o.json) {
    std::cout << report_json(task, dataset, tokens ? &*tokens : nullptr).dump(2) << "\n";
    return kDone;
  }
  const data::ReportStyle style{report::has_colour(STDOUT_FILENO),
                                std::clamp(report::terminal_width(STDOUT_FILENO), kNarrowest, kWidest), o.previews};
  data::print_report(std::cout, task, dataset, tokens ? &tokens->splits : nullptr, style);
  if (!o.folder.empty()) std::cout << "\nwritten to " << o.folder << "\n";
  return kDone;
}

}  // namespace

void add_data(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("data", "Show what a task's data is and what will be trained on");
  auto o = std::make_shared<DataOptions>();
  verb->add_option("task", o->task, "task file, or the name of one in experiments/tasks")->required();
  verb->add_option("--model", o->model, "count and show tokens as this model sees them");
  verb->add_option("--export", o->folder, "write the splits as JSON lines into this folder");
  verb->add_option("--previews", o->previews, "examples shown of each split")->check(CLI::Range(0, 1000))->capture_default_str();
  verb->add_option("--max-length", o->max_length, "tokens of an example at most; 0: the model's longest")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 30))->capture_default_str();
  verb->add_option("--train-on", o->train_on, "answer or all")->check(CLI::IsMember({"answer", "all"}))->capture_default_str();
  verb->add_flag("--json", o->json, "print one JSON object");
  set_example(*verb, "peftlab data roads --model smollm2-135m-instruct --previews 1");
  verb->callback([o, &action] { action = [o] { return show(*o); }; });
}

}  // namespace peftlab::cli
