// What verbs that do many runs share: how many at once, which part of them, and what their ends mean.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "core/cli/shown_table.h"
#include "core/study/execute.h"
#include "core/study/plan.h"

namespace peftlab::cli {

struct ManyOptions {
  int64_t jobs = 1;
  std::string shard = "1/1";
  bool quiet = false;
};

void add_many_options(CLI::App& verb, ManyOptions& options);

/// Runs until all have ended or a signal comes, telling first how threads are shared.
study::Execute executor(const ManyOptions& options);

/// Tells on standard error what did not finish, and gives the exit status: kInterrupted where the same command goes on,
/// kFailed where a run failed, kDone.
int tell_endings(const std::vector<study::PlannedRun>& runs);

/// The table of all that left a record; nothing where the disk took none.
void show_planned(const std::vector<study::PlannedRun>& runs, const TableOptions& options);

}  // namespace peftlab::cli
