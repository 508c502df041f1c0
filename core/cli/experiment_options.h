// Which experiment a verb works on, with what is set on the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/lab/experiment.h"

namespace peftlab::cli {

struct ExperimentOptions {
  std::string file;
  std::vector<std::string> overrides;  // "/train/batch_size=16"
  std::optional<int64_t> seed;
};

void add_experiment_options(CLI::App& verb, ExperimentOptions& o);

/// Throws ConfigError with all mistakes of the file and of what was set.
lab::Experiment read_experiment(const ExperimentOptions& o);

}  // namespace peftlab::cli
