// `peftlab run`: one experiment from start to finish.
#include <iostream>

#include "core/cli/commands.h"
#include "core/cli/experiment_options.h"
#include "core/cli/json_progress.h"
#include "core/cli/run_display.h"
#include "core/cli/signals.h"
#include "core/lab/run.h"
#include "core/lab/summary.h"
#include "core/report/terminal.h"

namespace peftlab::cli {
namespace {

struct RunOptions {
  ExperimentOptions experiment;
  std::string out, progress = "text";
  bool json = false, quiet = false, dry_run = false;
};

int show(const lab::RunResult& result, const RunOptions& o) {
  if (o.json) {
    std::cout << result.record.dump(2) << "\n";
  } else if (result.status != lab::RunStatus::interrupted) {
    std::cout << lab::summary_of(result.record, result.folder.string(), report::terminal_width(STDOUT_FILENO));
  }
  return kDone;
}

int interrupted(const lab::RunResult& result, const RunOptions& o) {
  show(result, o);
  std::cerr << "peftlab: interrupted; what was done is in " << result.folder.string() << "\npeftlab: the same command goes on:\n  peftlab run "
            << o.experiment.file;
  for (const auto& text : o.experiment.overrides) std::cerr << " --set " << text;
  if (o.experiment.seed) std::cerr << " --seed " << *o.experiment.seed;
  if (!o.out.empty()) std::cerr << " --out " << o.out;
  std::cerr << "\n";
  return kInterrupted;
}

lab::RunResult run_for_people(const lab::RunRequest& request, bool quiet) {
  RunDisplay display(quiet);
  auto result = lab::run_experiment(request, display);
  display.end();
  return result;
}

lab::RunResult run_for_programs(const lab::RunRequest& request) {
  JsonProgress display;
  return lab::run_experiment(request, display);
}

int run(const RunOptions& o) {
  auto experiment = read_experiment(o.experiment);
  if (o.dry_run) {
    std::cout << lab::describe_run(std::move(experiment));
    return kDone;
  }
  const lab::RunRequest request = {std::move(experiment), o.out, &stop_on_signals()};
  const auto result = o.progress == "json" ? run_for_programs(request) : run_for_people(request, o.quiet);
  if (result.status == lab::RunStatus::interrupted) return interrupted(result, o);
  if (result.status == lab::RunStatus::already_finished && !o.quiet) std::cerr << "peftlab: this run is finished; here is what it found\n";
  return show(result, o);
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("run", "Train and evaluate one experiment, or go on with it, or show what it found");
  auto o = std::make_shared<RunOptions>();
  add_experiment_options(*verb, o->experiment);
  verb->add_option("--out", o->out, "the run's folder; default: runs/NAME/ in the working folder");
  verb->add_flag("--json", o->json, "print the record (run.json) on standard output");
  verb->add_flag("--quiet", o->quiet, "no progress");
  verb->add_option("--progress", o->progress, "text, or json: a line for programs each time something is done")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  verb->add_flag("--dry-run", o->dry_run, "check everything, load nothing heavy, say what would happen");
  set_example(*verb, "peftlab run experiments/roads_lora.json --seed 1 --set /train/epochs=1");
  verb->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace peftlab::cli
