#include "core/study/plan.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>

#include "core/lab/run.h"
#include "core/lab/run_folder.h"
#include "core/lab/version.h"

namespace peftlab::study {
namespace {

namespace fs = std::filesystem;

std::vector<lab::Override> parsed(const std::vector<std::string>& overrides, AllMistakes& mistakes) {
  std::vector<lab::Override> result;
  for (const auto& text : overrides) {
    mistakes.keep([&] { result.push_back(lab::parse_override(text)); });
    if (text.starts_with("/seed="))
      mistakes.add("--set /seed: many runs have many seeds; give --seeds, or --set /seeds=[0,1,2]");
  }
  return result;
}

/// What run.json holds before the run begins.
io::Json first_record(const lab::Experiment& experiment, const lab::IdentityFinder::Found& found) {
  io::Json record = {{"peftlab", lab::kVersion}, {"result_version", lab::kResultVersion},
                     {"name", experiment.name},  {"about", experiment.about},
                     {"seed", experiment.seed},  {"status", "new"}};
  if (*lab::kCommit != '\0') record["commit"] = lab::kCommit;
  record["experiment"] = experiment.resolved();
  record["hashes"] = found.hashes;
  record["numbers"] = found.numbers;
  record["data"] = found.data;
  record["identity"] = found.identity;
  record["methods"] = io::Json::array();
  for (const auto& method : experiment.methods)
    record["methods"].push_back({{"name", method.name}, {"options", method.options}});
  return record;
}

std::optional<int64_t> whole_number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

}  // namespace

void AllMistakes::add(const std::string& lines) {
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    if (std::find(lines_.begin(), lines_.end(), line) == lines_.end()) lines_.push_back(line);
  }
}

void AllMistakes::throw_if_any() const {
  if (lines_.empty()) return;
  std::string all;
  for (const auto& line : lines_) all += (all.empty() ? "" : "\n") + line;
  throw ConfigError(all);
}

std::vector<int64_t> seeds_of(const lab::Experiment& experiment, std::optional<int64_t> count) {
  if (!count) return experiment.seeds;
  const auto& document = experiment.document.value;
  std::vector<int64_t> seeds;
  if (document.contains("seeds") && !document.at("seeds").is_null()) seeds = experiment.seeds;
  for (int64_t next = 0; static_cast<int64_t>(seeds.size()) < *count; ++next) {
    if (std::find(seeds.begin(), seeds.end(), next) == seeds.end()) seeds.push_back(next);
  }
  seeds.resize(static_cast<size_t>(*count));
  return seeds;
}

PlannedRun planned(lab::Experiment experiment, int64_t seed, std::vector<std::string> overrides, const fs::path& folder,
                   lab::IdentityFinder& finder) {
  experiment.seed = seed;
  const auto found = finder(experiment);
  PlannedRun run;
  run.name = experiment.name;
  run.file = experiment.file;
  run.overrides = std::move(overrides);
  run.seed = seed;
  run.identity = found.identity;
  run.folder = folder / ("seed" + std::to_string(seed) + "-" + run.identity.substr(0, 8));
  run.record = first_record(experiment, found);
  look_at(run);
  return run;
}

std::vector<PlannedRun> make_plan(const PlanRequest& request) {
  AllMistakes mistakes;
  const auto overrides = parsed(request.overrides, mistakes);
  std::vector<lab::Experiment> experiments;
  for (const auto& file : request.files) {
    mistakes.keep([&] { experiments.push_back(lab::load_experiment(file, overrides)); });
  }
  const fs::path root = request.folder.empty() ? fs::current_path() / "runs" : fs::absolute(request.folder);
  lab::IdentityFinder finder;
  std::vector<PlannedRun> runs;
  std::set<fs::path> folders;
  for (const auto& experiment : experiments) {
    mistakes.keep([&] {
      for (const int64_t seed : seeds_of(experiment, request.num_seeds)) {
        auto run = planned(experiment, seed, request.overrides, root / experiment.name, finder);
        // A file given twice is one experiment.
        if (!folders.insert(run.folder).second) continue;
        run.number = static_cast<int64_t>(runs.size()) + 1;
        runs.push_back(std::move(run));
      }
    });
  }
  mistakes.throw_if_any();
  return runs;
}

Shard parse_shard(const std::string& text) {
  const size_t slash = text.find('/');
  const auto index = whole_number(std::string_view(text).substr(0, slash));
  const auto count = slash == std::string::npos ? std::nullopt : whole_number(std::string_view(text).substr(slash + 1));
  if (!index || !count || *index < 1 || *index > *count) {
    throw ConfigError("--shard " + text + ": expected a part and how many there are, as in 1/4 ... 4/4");
  }
  return {*index, *count};
}

}  // namespace peftlab::study
