#include "core/study/sweep_file.h"

#include <algorithm>
#include <set>

#include "core/data/metric.h"
#include "core/io/object_reader.h"
#include "core/io/sha256.h"

namespace peftlab::study {
namespace {

namespace fs = std::filesystem;
using io::Json;

constexpr int64_t kMostTrials = 100000;
const std::vector<std::string> kSearches = {"grid", "random", "successive_halving"};

/// What a search may not change: then its trials would not be trials of one thing, or cost different amounts.
constexpr std::pair<const char*, const char*> kFixed[] = {
    {"/train/epochs", "is set by the budget"},
    {"/train/max_steps", "is set by the budget"},
    {"/train/early_stopping", "is off in a trial: all have the same budget"},
    {"/train/evaluate_every", "is set by the sweep"},
    {"/train/best_metric", "is set by \"metric\""},
    {"/train/keep_best", "is off in a trial"},
    {"/seed", "is set by \"seed\" of the sweep"},
    {"/evaluate", "decides what is measured, not what is trained"},
    {"/task", "is what the search is about"},
    {"/model", "is what the search is about"},
    {"/extends", "cannot be set"},
    {"/about", "changes no result"}};

class SweepReader {
 public:
  SweepReader(const io::Document& document, fs::path folder, io::Mistakes& mistakes)
      : document_(document), folder_(std::move(folder)), mistakes_(mistakes), root_(document, "", mistakes) {}

  SweepFile read() {
    sweep_.about = root_.text("about", std::nullopt, "which question this sweep answers");
    read_experiments();
    read_spaces();
    const auto search = root_.choice("search", "random", kSearches, "how settings are chosen");
    sweep_.search = search == "grid" ? Search::grid : search == "random" ? Search::random : Search::successive_halving;
    read_budget();
    sweep_.seed = root_.integer("seed", 0, "of the draws and of every trial", {.least = 0});
    sweep_.metric = root_.choice("metric", "loss", data::metric_names(), "what decides, on the dev split");
    root_.finish();
    check_trials();
    return std::move(sweep_);
  }

  const std::vector<io::Declared>& declared() const { return root_.declared(); }

 private:
  void read_experiments() {
    std::set<std::string> names;
    const auto files = root_.texts("experiment", std::nullopt, "one experiment file or a list, relative to this file");
    for (const auto& file : files) {
      const fs::path path = (folder_ / file).lexically_normal();
      std::error_code error;
      if (!fs::is_regular_file(path, error)) root_.mistake("experiment", "no such file: " + path.string());
      if (!names.insert(path.stem().string()).second)
        root_.mistake("experiment", "two are named '" + path.stem().string() + "'");
      sweep_.experiments.push_back({fs::absolute(path), path.stem().string(), {}});
    }
    if (root_.has("experiment") && files.empty())
      root_.mistake("experiment", "an empty list, expected at least one experiment");
  }

  /// Pointers are for all experiments; below an experiment's name stand those for it alone, which come first.
  void read_spaces() {
    const Json value = root_.any(
        "space", "what each setting may be: pointers for all experiments, or below an experiment's name for it alone");
    if (!value.is_object())
      return root_.mistake("space",
                           "expected an object with at least one setting, as in {\"/train/learning_rate\": "
                           "{\"log_uniform\": [1e-4, 1e-2]}}");
    for (const auto& [key, inner] : value.items()) {
      if (key.starts_with("/")) continue;
      auto* experiment = find(key);
      if (experiment == nullptr) {
        root_.mistake("space", "'" + key + "' is neither a pointer, which begins with '/', nor one of the experiments" +
                                   nearest(key));
      } else if (!inner.is_object()) {
        root_.mistake("space", "expected an object of settings for '" + key + "', got " + io::shown(inner));
      } else {
        for (const auto& [pointer, unused] : inner.items())
          add(*experiment, pointer, io::child(io::child("/space", key), pointer));
      }
    }
    for (const auto& [key, unused] : value.items()) {
      if (key.starts_with("/")) add_to_all(key);
    }
    for (const auto& experiment : sweep_.experiments) {
      if (experiment.space.empty()) root_.mistake("space", "there is nothing to search for '" + experiment.name + "'");
    }
  }

  void add_to_all(const io::Pointer& pointer) {
    const auto dimension = checked(pointer, io::child("/space", pointer));
    for (auto& experiment : sweep_.experiments) {
      const bool own = std::any_of(experiment.space.begin(), experiment.space.end(),
                                   [&](const auto& d) { return d.pointer == pointer; });
      if (dimension && !own) experiment.space.push_back(*dimension);
    }
  }

  void add(Searched& experiment, const io::Pointer& pointer, const io::Pointer& at) {
    if (const auto dimension = checked(pointer, at)) experiment.space.push_back(*dimension);
  }

  std::optional<Dimension> checked(const io::Pointer& pointer, const io::Pointer& at) {
    for (const auto& [fixed, why] : kFixed) {
      const std::string_view name(fixed);
      if (pointer == name || pointer.starts_with(std::string(name) + "/") || (name == "/seed" && pointer == "/seeds")) {
        mistakes_.add(document_.where(at), at, why);
        return std::nullopt;
      }
    }
    auto dimension = read_dimension(document_, at, pointer, mistakes_);
    if (!pointer.starts_with("/")) {
      mistakes_.add(document_.where(at), at, "expected a pointer into the experiment, as in /train/learning_rate");
      return std::nullopt;
    }
    return dimension;
  }

  void read_budget() {
    io::ObjectReader budget = root_.object("budget", "of each experiment, the same for all", /*required=*/true);
    const bool grid = sweep_.search == Search::grid;
    const auto trials = budget.optional_integer("trials", "settings tried; a grid has as many as it has points",
                                                {.least = 1, .most = kMostTrials});
    if (!budget.has("trials") && !grid && root_.has("budget"))
      budget.mistake("trials", "missing, expected an integer of at least 1: settings tried");
    sweep_.num_trials = trials.value_or(0);
    sweep_.steps = budget.optional_integer("steps", "optimizer steps of a trial", {.least = 1});
    sweep_.epochs = budget.optional_number("epochs", "passes over the training data of a trial, instead of steps",
                                           {.least = 0, .above = true});
    if (sweep_.steps && sweep_.epochs)
      budget.mistake("epochs", "steps and epochs exclude each other; keep one of them");
    if (!sweep_.steps && !sweep_.epochs && root_.has("budget"))
      budget.mistake("", "expected \"steps\" or \"epochs\" of a trial");
    const bool halving = sweep_.search == Search::successive_halving;
    for (const char* key : {"eta", "rungs"}) {
      if (budget.has(key) && !halving) budget.mistake(key, "is for the search 'successive_halving'");
    }
    sweep_.eta = budget.integer("eta", 3, "successive_halving: of each rung the best 1/eta go on, eta times as long",
                                {.least = 2, .most = 100});
    sweep_.most_rungs =
        budget.integer("rungs", 8, "successive_halving: at most so many rungs", {.least = 1, .most = 20});
  }

  /// As many different settings as trials, and equally many for each experiment.
  void check_trials() {
    for (const auto& experiment : sweep_.experiments) {
      if (sweep_.search == Search::grid) {
        check_grid(experiment);
      } else if (const auto most = num_points(experiment.space); most && *most < sweep_.num_trials) {
        root_.mistake("space", "has " + std::to_string(*most) + " different settings for '" + experiment.name +
                                   "' and the budget " + std::to_string(sweep_.num_trials) +
                                   " trials; take fewer trials or \"search\": \"grid\"");
      }
    }
  }

  void check_grid(const Searched& experiment) {
    double count = 1.0;
    for (const auto& d : experiment.space) {
      if (!has_grid(d)) return root_.mistake("space", d.pointer + " needs \"points\" for a grid, or \"values\"");
      count *= static_cast<double>(grid_of(d).size());
    }
    if (count > static_cast<double>(kMostTrials))
      return root_.mistake(
          "space", "the grid of '" + experiment.name + "' has more than " + std::to_string(kMostTrials) + " points");
    const auto points = static_cast<int64_t>(count);
    if (sweep_.num_trials == 0) sweep_.num_trials = points;
    if (points != sweep_.num_trials) {
      root_.mistake("space", "the grid of '" + experiment.name + "' has " + std::to_string(points) +
                                 " points where every experiment has " + std::to_string(sweep_.num_trials) +
                                 " trials: all get the same budget");
    }
  }

  Searched* find(const std::string& name) {
    for (auto& experiment : sweep_.experiments) {
      if (experiment.name == name) return &experiment;
    }
    return nullptr;
  }

  std::string nearest(const std::string& name) const {
    std::vector<std::string> names;
    for (const auto& experiment : sweep_.experiments) names.push_back(experiment.name);
    const auto near = io::nearest(name, names);
    return near.empty() ? "" : "; did you mean '" + near + "'?";
  }

  const io::Document& document_;
  fs::path folder_;
  io::Mistakes& mistakes_;
  io::ObjectReader root_;
  SweepFile sweep_;
};

}  // namespace

const char* name_of(Search search) { return kSearches[static_cast<size_t>(search)].c_str(); }

SweepFile read_sweep_file(const fs::path& path) {
  const auto document = io::read_json(path);
  io::Mistakes mistakes;
  SweepReader reader(document, fs::absolute(path).parent_path(), mistakes);
  SweepFile sweep = reader.read();
  mistakes.throw_if_any();
  sweep.path = fs::absolute(path);
  sweep.name = path.stem().string();
  Json said = document.value;
  said.erase("about");
  sweep.hash = io::sha256_hex(said.dump());
  return sweep;
}

Json sweep_schema() {
  io::Mistakes unused;
  const auto everything = io::parse_json(R"({"budget": {}})", "sweep");
  SweepReader reader(everything, {}, unused);
  reader.read();
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "a peftlab sweep"}};
  schema.update(io::schema_of(reader.declared()));
  auto& space = schema.at("properties").at("space");
  const Json about = space.at("description");
  const Json dimension = {{"$ref", "#/$defs/dimension"}};
  space = {{"type", "object"},
           {"description", about},
           {"minProperties", 1},
           {"patternProperties", {{"^/", dimension}}},
           {"additionalProperties",
            {{"type", "object"}, {"patternProperties", {{"^/", dimension}}}, {"additionalProperties", false}}}};
  schema["required"].push_back("space");
  schema["$defs"] = {{"dimension", dimension_schema()}};
  return schema;
}

}  // namespace peftlab::study
