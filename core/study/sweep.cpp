#include "core/study/sweep.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/io/files.h"
#include "core/io/sha256.h"
#include "core/study/rungs.h"
#include "core/study/sweep_record.h"
#include "core/study/trials.h"

namespace peftlab::study {
namespace {

namespace fs = std::filesystem;

bool has_ended(const PlannedRun& run) { return run.state == RunState::finished || run.state == RunState::failed; }

std::string four_digits(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

class Sweep {
 public:
  Sweep(const SweepRequest& request, const Execute& execute)
      : request_(request), file_(request.file), execute_(execute) {
    result_.folder = fs::absolute(request.folder.empty() ? fs::path("sweeps") / file_.name : request.folder);
    rungs_ = file_.search == Search::successive_halving ? rungs_of(file_.num_trials, file_.eta, file_.most_rungs)
                                                        : std::vector<Rung>{{file_.num_trials, 1.0}};
  }

  SweepResult operator()() {
    begin();
    if (request_.dry_run) return std::move(result_);
    make_folder();
    for (size_t rung = 0; rung < rungs_.size(); ++rung) {
      if (rung > 0) plan_next(rung);
      do_trials(rung);
      write();
      if (!all_ended(rung)) return std::move(result_);
    }
    for (auto& outcome : result_.searched) choose(outcome);
    result_.searched_all = true;
    write();
    if (request_.final_runs) test_chosen();
    return std::move(result_);
  }

 private:
  /// All trials of the first rung, which decide what the sweep is.
  void begin() {
    AllMistakes mistakes;
    std::string identities = file_.hash;
    for (const auto& experiment : file_.experiments) {
      SearchOutcome outcome;
      outcome.experiment = &experiment;
      outcome.rungs.emplace_back();
      const auto points = file_.search == Search::grid
                              ? grid(experiment.space)
                              : random_points(experiment.space, file_.num_trials, static_cast<uint64_t>(file_.seed));
      for (size_t i = 0; i < points.size(); ++i) {
        mistakes.keep([&] {
          outcome.rungs[0].push_back(trial(experiment, points[i], static_cast<int64_t>(i) + 1, 0));
          identities += outcome.rungs[0].back().run.identity;
        });
      }
      result_.searched.push_back(std::move(outcome));
    }
    mistakes.throw_if_any();
    identity_ = io::sha256_hex(identities);
    require_same_sweep(result_.folder, identity_);
    if (request_.retry && fs::exists(result_.folder / "final")) {
      throw ConfigError(
          result_.folder.string() +
          ": the chosen settings were tested already, so that no trial is done again; give another --out folder");
    }
    note_batches();
  }

  void make_folder() const {
    std::error_code error;
    fs::create_directories(result_.folder, error);
    if (error)
      throw RunError(result_.folder.string() + ": cannot make the sweep's folder: " + error.message() +
                     "; give another with --out");
  }

  /// Equal steps are not equal numbers of examples where experiments take differently many at once, and the other way
  /// round.
  void note_batches() {
    std::set<int64_t> steps, examples;
    for (const auto& outcome : result_.searched) {
      int64_t of_steps = 0, of_examples = 0;
      for (const auto& trial : outcome.rungs[0]) {
        of_steps += trial.num_steps;
        of_examples += trial.num_examples;
      }
      steps.insert(of_steps);
      examples.insert(of_examples);
    }
    if (file_.steps && examples.size() > 1)
      result_.notes.push_back("the experiments have equal steps but not equally many examples: their batches differ");
    if (file_.epochs && steps.size() > 1)
      result_.notes.push_back("the experiments see equally many examples but not in equal steps: their batches differ");
  }

  Trial trial(const Searched& experiment, const Point& settings, int64_t number, size_t rung) {
    const auto folder =
        result_.folder / (rungs_.size() == 1 ? std::string("trials") : "trials/rung" + std::to_string(rung));
    auto made = planned_trial(file_, experiment, settings, number, rungs_[rung].share, folder, finder_);
    read_score(made, file_);
    return made;
  }

  /// The best of the rung before.
  void plan_next(size_t rung) {
    for (auto& outcome : result_.searched) {
      const auto& before = outcome.rungs.back();
      std::vector<Trial> next;
      for (const size_t i : best_of(scores_of(before), rungs_[rung].num_trials, file_.lower_is_better())) {
        next.push_back(trial(*outcome.experiment, before[i].settings, before[i].number, rung));
      }
      outcome.rungs.push_back(std::move(next));
    }
  }

  static std::vector<double> scores_of(const std::vector<Trial>& trials) {
    std::vector<double> scores;
    for (const auto& trial : trials) scores.push_back(trial.score.value_or(NAN));
    return scores;
  }

  std::vector<Trial*> trials_of(size_t rung) {
    std::vector<Trial*> all;
    for (auto& outcome : result_.searched) {
      for (auto& trial : outcome.rungs[rung]) all.push_back(&trial);
    }
    return all;
  }

  void do_trials(size_t rung) {
    std::vector<Trial*> mine;
    std::vector<PlannedRun> runs;
    int64_t number = 0;
    for (auto* trial : trials_of(rung)) {
      const bool wanted = !has_ended(trial->run) || (request_.retry && trial->run.state == RunState::failed);
      if (!request_.shard.has(++number) || !wanted) continue;
      mine.push_back(trial);
      runs.push_back(trial->run);
      runs.back().number = number;
      runs.back().name = trial->run.name + ", trial " + std::to_string(trial->number);
    }
    if (runs.empty()) return;
    execute_(runs);
    for (size_t i = 0; i < mine.size(); ++i) {
      mine[i]->run.state = runs[i].state;
      mine[i]->run.reason = runs[i].reason;
      read_score(*mine[i], file_);
    }
  }

  bool all_ended(size_t rung) {
    const auto trials = trials_of(rung);
    return std::all_of(trials.begin(), trials.end(), [](const Trial* trial) { return has_ended(trial->run); });
  }

  void choose(SearchOutcome& outcome) const {
    const auto& last = outcome.rungs.back();
    const auto best = best_of(scores_of(last), 2, file_.lower_is_better());
    size_t finished = 0, ended = 0;
    for (const auto& rung : outcome.rungs) {
      for (const auto& trial : rung) finished += trial.score ? 1 : 0;
      ended += rung.size();
    }
    const std::string counts = std::to_string(finished) + " of " + std::to_string(ended) + " trials finished";
    if (best.empty()) {
      outcome.why = "no trial left a score on dev; " + counts + first_reason(outcome);
      return;
    }
    outcome.chosen = last[best[0]];
    outcome.why = std::string(file_.lower_is_better() ? "lowest" : "highest") + " " + file_.metric + " on dev, " +
                  four_digits(*last[best[0]].score) + " after " + std::to_string(last[best[0]].num_steps) + " steps";
    if (best.size() > 1) outcome.why += "; the next is " + four_digits(*last[best[1]].score);
    outcome.why += "; " + counts;
  }

  static std::string first_reason(const SearchOutcome& outcome) {
    for (const auto& trial : outcome.rungs.front()) {
      if (!trial.run.reason.empty()) return "; trial " + std::to_string(trial.number) + ": " + trial.run.reason;
    }
    return "";
  }

  void test_chosen() {
    AllMistakes mistakes;
    for (const auto& outcome : result_.searched) {
      if (outcome.chosen) mistakes.keep([&] { plan_final(outcome); });
    }
    mistakes.throw_if_any();
    write();
    std::vector<PlannedRun> mine;
    for (const auto& run : result_.final_runs) {
      if (request_.shard.has(run.number)) mine.push_back(run);
    }
    if (!mine.empty()) execute_(mine);
    for (const auto& run : mine) result_.final_runs[static_cast<size_t>(run.number - 1)] = run;
    write();
  }

  void plan_final(const SearchOutcome& outcome) {
    const auto overrides = overrides_of(outcome.chosen->settings);
    std::vector<lab::Override> parsed_overrides;
    for (const auto& text : overrides) parsed_overrides.push_back(lab::parse_override(text));
    const auto experiment = lab::load_experiment(outcome.experiment->file, parsed_overrides);
    for (const int64_t seed : seeds_of(experiment, request_.num_seeds)) {
      auto run = planned(experiment, seed, overrides, result_.folder / "final" / experiment.name, finder_);
      run.number = static_cast<int64_t>(result_.final_runs.size()) + 1;
      result_.final_runs.push_back(std::move(run));
    }
  }

  void write() const {
    io::write_file(result_.folder / "sweep.json", sweep_json(file_, result_, identity_).dump(2) + "\n");
  }

  const SweepRequest& request_;
  const SweepFile& file_;
  const Execute& execute_;
  std::vector<Rung> rungs_;
  lab::IdentityFinder finder_;
  std::string identity_;
  SweepResult result_;
};

}  // namespace

SweepResult run_sweep(const SweepRequest& request, const Execute& execute) { return Sweep(request, execute)(); }

}  // namespace peftlab::study
