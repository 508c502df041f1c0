#include "core/cli/many_runs.h"

#include <algorithm>
#include <iostream>

#include "core/cli/commands.h"
#include "core/cli/signals.h"

namespace peftlab::cli {
namespace {

/// A full disk takes no record of the failure: then the reason is known here alone.
void put_reasons(const std::vector<study::PlannedRun>& planned, std::vector<compare::Run>& found) {
  for (const auto& run : planned) {
    if (run.state != study::RunState::failed) continue;
    for (auto& row : found) {
      if (row.source == run.folder) row.problem = "failed: " + run.reason;
    }
  }
}

}  // namespace

void add_many_options(CLI::App& verb, ManyOptions& o) {
  verb.add_option("--jobs", o.jobs, "runs at the same time; they share the processor's threads")
      ->check(CLI::Range(int64_t{1}, int64_t{1024}))
      ->capture_default_str();
  verb.add_option("--shard", o.shard, "do a part of the list alone, as in 2/8, for array jobs");
  verb.add_flag("--quiet", o.quiet, "no progress");
}

study::Execute executor(const ManyOptions& o) {
  const auto* stop = &stop_on_signals();
  return [o, stop](std::vector<study::PlannedRun>& runs) {
    const bool any = std::any_of(runs.begin(), runs.end(),
                                 [](const auto& run) { return run.state != study::RunState::finished; });
    if (o.jobs > 1 && any && !o.quiet) {
      std::cerr << "peftlab: " << o.jobs << " runs at once, " << study::threads_each(o.jobs)
                << " threads each: their times compare with each other, not with those of runs alone\n";
    }
    study::execute(runs, {{}, o.jobs, stop, o.quiet});
  };
}

int tell_endings(const std::vector<study::PlannedRun>& runs) {
  size_t failed = 0, open = 0, elsewhere = 0;
  for (const auto& run : runs) {
    failed += run.state == study::RunState::failed ? 1 : 0;
    elsewhere += run.state == study::RunState::running ? 1 : 0;
    open += run.state == study::RunState::missing || run.state == study::RunState::interrupted ? 1 : 0;
  }
  if (elsewhere > 0)
    std::cerr << "peftlab: " << elsewhere << " of " << runs.size() << " runs are worked on by another process\n";
  if (failed > 0) std::cerr << "peftlab: " << failed << " of " << runs.size() << " runs failed\n";
  if (open > 0) std::cerr << "peftlab: interrupted with " << open << " of " << runs.size() << " runs to do\n";
  if (open + elsewhere > 0) std::cerr << "peftlab: the same command goes on\n";
  return open + elsewhere > 0 ? kInterrupted : failed > 0 ? kFailed : kDone;
}

void show_planned(const std::vector<study::PlannedRun>& runs, const TableOptions& options) {
  std::vector<std::filesystem::path> folders;
  for (const auto& run : runs) {
    if (std::filesystem::exists(run.folder)) folders.push_back(run.folder);
  }
  if (folders.empty()) return;
  auto found = compare::find_runs(folders);
  put_reasons(runs, found.runs);
  show_runs(std::move(found), options);
}

}  // namespace peftlab::cli
