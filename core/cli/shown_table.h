// Runs as a table on standard output, for every verb that ends with one.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "core/compare/find_runs.h"

namespace peftlab::cli {

struct TableOptions {
  std::string baseline, split, format = "terminal", by;
  bool wide = false;
};

/// The runs to compare, the row they are compared with, and the split.
void add_runs_option(CLI::App& verb, std::vector<std::string>& paths);
void add_baseline_options(CLI::App& verb, std::string& baseline, std::string& split);

void add_table_options(CLI::App& verb, TableOptions& options);

/// Throws ConfigError where the runs are not alike and not to be grouped, and what compare::compare() throws.
void show_runs(compare::FoundRuns found, const TableOptions& options);

}  // namespace peftlab::cli
