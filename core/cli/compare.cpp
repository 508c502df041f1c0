// `peftlab compare`: experiments and seeds, run where they are missing, side by side.
#include <iostream>

#include "core/cli/commands.h"
#include "core/cli/many_runs.h"
#include "core/cli/plan_options.h"

namespace peftlab::cli {
namespace {

struct CompareOptions {
  PlanOptions plan;
  ManyOptions many;
  TableOptions table;
  bool dry_run = false;
};

int compare_all(const CompareOptions& o) {
  const auto shard = study::parse_shard(o.many.shard);
  auto runs = study::make_plan(o.plan.request());
  std::erase_if(runs, [&](const auto& run) { return !shard.has(run.number); });
  if (o.dry_run) {
    std::cout << plan_text(runs) << "nothing was started\n";
    return kDone;
  }
  if (!o.many.quiet) std::cerr << plan_text(runs);
  executor(o.many)(runs);
  const int status = tell_endings(runs);
  if (status == kInterrupted) return status;
  if (shard.is_all()) {
    show_planned(runs, o.table);
  } else {
    std::cerr << "peftlab: part " << o.many.shard << " is done; the same command without --shard shows the table\n";
  }
  return status;
}

}  // namespace

void add_compare(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand(
      "compare", "Run experiments with several seeds where runs are missing, and show them side by side");
  auto o = std::make_shared<CompareOptions>();
  add_plan_options(*verb, o->plan);
  add_many_options(*verb, o->many);
  add_table_options(*verb, o->table);
  verb->add_flag("--dry-run", o->dry_run, "check all files, list the runs, start nothing");
  set_example(*verb, "peftlab compare experiments/roads_*.json --seeds 3 --baseline roads_lora");
  verb->callback([o, &action] { action = [o] { return compare_all(*o); }; });
}

}  // namespace peftlab::cli
