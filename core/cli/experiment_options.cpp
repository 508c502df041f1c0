#include "core/cli/experiment_options.h"

namespace peftlab::cli {

void add_experiment_options(CLI::App& verb, ExperimentOptions& o) {
  verb.add_option("experiment", o.file, "experiment file (JSON)")->required();
  verb.add_option("--set", o.overrides, "change a value: /train/learning_rate=1e-3; may be given several times");
  verb.add_option("--seed", o.seed, "seed of the run, instead of the file's")->check(CLI::NonNegativeNumber);
}

lab::Experiment read_experiment(const ExperimentOptions& o) {
  std::vector<lab::Override> overrides;
  for (const auto& text : o.overrides) overrides.push_back(lab::parse_override(text));
  if (o.seed) overrides.push_back({"/seed", std::to_string(*o.seed)});
  return lab::load_experiment(o.file, overrides);
}

}  // namespace peftlab::cli
