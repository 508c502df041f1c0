// What says which runs: shared by the verbs that plan, run and compare them.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "core/study/plan.h"

namespace peftlab::cli {

struct PlanOptions {
  std::vector<std::string> files, overrides;
  std::optional<int64_t> num_seeds;
  std::string out;

  study::PlanRequest request() const;
};

void add_plan_options(CLI::App& verb, PlanOptions& options);

/// The list with what is there of each run: numbered lines, and at the end how many are in which state.
std::string plan_text(const std::vector<study::PlannedRun>& runs);
io::Json plan_json(const std::vector<study::PlannedRun>& runs);

}  // namespace peftlab::cli
