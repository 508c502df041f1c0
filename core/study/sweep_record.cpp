#include "core/study/sweep_record.h"

#include "core/compare/json_access.h"
#include "core/lab/version.h"

namespace peftlab::study {
namespace {

namespace fs = std::filesystem;
using io::Json;

Json settings_json(const Point& settings) {
  Json json = Json::object();
  for (const auto& [pointer, value] : settings) json[pointer] = value;
  return json;
}

void add_end(Json& json, const PlannedRun& run, const fs::path& folder) {
  json["state"] = name_of(run.state);
  if (!run.reason.empty()) json["reason"] = run.reason;
  json["folder"] = run.folder.lexically_relative(fs::absolute(folder)).string();
}

Json trial_json(const Trial& trial, size_t rung, const fs::path& folder) {
  Json json = {{"number", trial.number},
               {"rung", rung},
               {"settings", settings_json(trial.settings)},
               {"num_steps", trial.num_steps},
               {"num_examples", trial.num_examples},
               {"dev_score", trial.score ? Json(*trial.score) : Json(nullptr)},
               {"seconds", trial.seconds}};
  add_end(json, trial.run, folder);
  return json;
}

Json outcome_json(const SearchOutcome& outcome, const fs::path& folder) {
  Json trials = Json::array();
  int64_t num_steps = 0, num_examples = 0;
  for (size_t rung = 0; rung < outcome.rungs.size(); ++rung) {
    for (const auto& trial : outcome.rungs[rung]) {
      trials.push_back(trial_json(trial, rung, folder));
      num_steps += trial.num_steps;
      num_examples += trial.num_examples;
    }
  }
  Json chosen = nullptr;
  if (outcome.chosen) {
    chosen = {{"trial", outcome.chosen->number},
              {"settings", settings_json(outcome.chosen->settings)},
              {"dev_score", *outcome.chosen->score}};
  }
  return {{"experiment", outcome.experiment->name},
          {"num_steps", num_steps},
          {"num_examples", num_examples},
          {"chosen", chosen},
          {"why", outcome.why},
          {"trials", trials}};
}

Json budget_json(const SweepFile& file) {
  Json budget = {{"trials", file.num_trials}};
  if (file.steps) budget["steps"] = *file.steps;
  if (file.epochs) budget["epochs"] = *file.epochs;
  if (file.search == Search::successive_halving) {
    budget["eta"] = file.eta;
    budget["rungs"] = file.most_rungs;
  }
  return budget;
}

}  // namespace

Json sweep_json(const SweepFile& file, const SweepResult& result, const std::string& identity) {
  Json json = {
      {"peftlab", lab::kVersion},
      {"sweep_version", kSweepVersion},
      {"name", file.name},
      {"about", file.about},
      {"identity", identity},
      {"search", name_of(file.search)},
      {"seed", file.seed},
      {"metric", {{"name", file.metric}, {"split", "dev"}, {"direction", file.lower_is_better() ? "lower" : "higher"}}},
      {"budget", budget_json(file)},
      {"status", result.searched_all ? "searched" : "unfinished"},
      {"notes", result.notes}};
  json["experiments"] = Json::array();
  for (const auto& outcome : result.searched) json["experiments"].push_back(outcome_json(outcome, result.folder));
  json["final_runs"] = Json::array();
  for (const auto& run : result.final_runs) {
    Json one = {{"experiment", run.name}, {"seed", run.seed}};
    add_end(one, run, result.folder);
    json["final_runs"].push_back(std::move(one));
  }
  return json;
}

void require_same_sweep(const fs::path& folder, const std::string& identity) {
  const fs::path file = folder / "sweep.json";
  if (!fs::exists(file)) return;
  const auto theirs = compare::text_at(io::read_json(file).value, "identity");
  if (theirs == identity) return;
  throw ConfigError(folder.string() + ": holds another sweep (" + theirs.substr(0, 8) + ", this one is " +
                    identity.substr(0, 8) +
                    "): the file, an experiment or its data has changed; give another --out folder");
}

std::string shown(const Point& settings) {
  std::string text;
  for (const auto& [pointer, value] : settings) {
    text += (text.empty() ? "" : ", ") + pointer.substr(pointer.rfind('/') + 1) + " " + value.dump();
  }
  return text;
}

}  // namespace peftlab::study
