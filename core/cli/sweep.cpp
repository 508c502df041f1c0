// `peftlab sweep`: settings searched with the same budget for every experiment, chosen on dev, tested once.
#include <algorithm>
#include <iostream>

#include "core/cli/commands.h"
#include "core/cli/many_runs.h"
#include "core/study/sweep.h"
#include "core/study/sweep_record.h"

namespace peftlab::cli {
namespace {

struct SweepOptions {
  std::string file, out;
  std::optional<int64_t> num_seeds;
  ManyOptions many;
  TableOptions table;
  bool no_final = false, retry = false, dry_run = false;
};

/// Every trial with its state, and no run.
int show_plan(const study::SweepResult& result) {
  size_t num_trials = 0, num_ended = 0;
  for (const auto& outcome : result.searched) {
    for (const auto& trial : outcome.rungs.front()) {
      std::cout << outcome.experiment->name << ", trial " << trial.number << ": " << study::shown(trial.settings)
                << "; " << trial.num_steps << " steps; " << study::name_of(trial.run.state) << "\n";
      ++num_trials;
      num_ended += trial.run.state == study::RunState::finished || trial.run.state == study::RunState::failed ? 1 : 0;
    }
  }
  std::cout << num_trials << " trials to begin with, " << num_ended << " have ended; nothing was started\n";
  return kDone;
}

int unfinished(const study::SweepResult& result, const study::Shard& shard) {
  size_t open = 0;
  for (const auto& outcome : result.searched) {
    for (const auto& trial : outcome.rungs.back()) {
      open += trial.run.state != study::RunState::finished && trial.run.state != study::RunState::failed ? 1 : 0;
    }
  }
  std::cerr << "peftlab: " << open << " trials have not ended"
            << (shard.is_all() ? "" : ", those of other parts among them") << "; the same command goes on\n";
  return kInterrupted;
}

void tell_choices(const study::SweepResult& result) {
  for (const auto& outcome : result.searched) {
    std::cout << outcome.experiment->name << ": "
              << (outcome.chosen ? study::shown(outcome.chosen->settings) : std::string("no choice")) << "\n  "
              << outcome.why << "\n";
  }
  for (const auto& note : result.notes) std::cout << note << "\n";
  std::cout << "every trial: " << (result.folder / "sweep.json").string() << "\n";
}

int show_result(const study::SweepResult& result, const SweepOptions& o, const study::Shard& shard) {
  if (!result.searched_all) return unfinished(result, shard);
  if (o.table.format == "terminal") tell_choices(result);
  const bool all_chosen = std::all_of(result.searched.begin(), result.searched.end(),
                                      [](const auto& outcome) { return outcome.chosen.has_value(); });
  const int failed = all_chosen ? kDone : kFailed;
  if (result.final_runs.empty()) return failed;
  const int status = tell_endings(result.final_runs);
  if (status == kInterrupted) return status;
  std::cout << (o.table.format == "terminal" ? "\n" : "");
  show_planned(result.final_runs, o.table);
  return std::max(status, failed);
}

int sweep(const SweepOptions& o) {
  study::SweepRequest request;
  request.file = study::read_sweep_file(o.file);
  request.folder = o.out;
  request.shard = study::parse_shard(o.many.shard);
  request.num_seeds = o.num_seeds;
  request.final_runs = !o.no_final && !o.dry_run;
  request.retry = o.retry;
  request.dry_run = o.dry_run;
  const auto result = study::run_sweep(request, executor(o.many));
  return o.dry_run ? show_plan(result) : show_result(result, o, request.shard);
}

}  // namespace

void add_sweep(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand(
      "sweep", "Search settings on dev with the same budget for every experiment, then test the best once");
  auto o = std::make_shared<SweepOptions>();
  verb->add_option("sweep", o->file, "sweep file (JSON); 'peftlab schema sweep' tells what it holds")->required();
  verb->add_option("--out", o->out, "the sweep's folder; default: sweeps/NAME in the working folder");
  verb->add_option("--seeds", o->num_seeds,
                   "so many seeds of each chosen setting; default: all that its experiment names")
      ->check(CLI::Range(int64_t{1}, int64_t{100000}));
  verb->add_flag("--no-final", o->no_final, "choose, and leave the test split alone");
  verb->add_flag("--retry", o->retry, "do trials that failed again");
  verb->add_flag("--dry-run", o->dry_run, "check all files, list the trials, start nothing");
  add_many_options(*verb, o->many);
  add_table_options(*verb, o->table);
  set_example(*verb, "peftlab sweep experiments/sweeps/roads.json --jobs 2");
  verb->callback([o, &action] { action = [o] { return sweep(*o); }; });
}

}  // namespace peftlab::cli
