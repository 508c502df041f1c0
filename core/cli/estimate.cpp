// `peftlab estimate`: how much memory a training run would take.
#include <algorithm>
#include <cstdio>
#include <iostream>

#include "core/cli/commands.h"
#include "core/cli/experiment_options.h"
#include "core/cli/run_display.h"
#include "core/lab/memory_estimate.h"
#include "core/report/human.h"
#include "core/report/table.h"
#include "core/report/terminal.h"

namespace peftlab::cli {
namespace {

struct EstimateOptions {
  ExperimentOptions experiment;
  std::vector<int64_t> batch_sizes = {1, 2, 4, 8, 16};
  bool json = false, quiet = false;
};

std::string mebibytes(int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", static_cast<double>(bytes) / (1 << 20));
  return text;
}

std::string estimate_table(const lab::MemoryEstimate& e, int64_t own_batch_size, int columns) {
  report::Table table({"batch", "peak, MiB", "model", "trained", "gradients", "optimizer", "activations", "program"});
  for (const auto& row : e.rows) {
    const auto& p = row.parts;
    table.add({std::to_string(row.batch_size) + (row.batch_size == own_batch_size ? " *" : ""), mebibytes(p.total()), mebibytes(p.base_model), mebibytes(p.trained), mebibytes(p.gradients), mebibytes(p.optimizer),
               mebibytes(p.activations), mebibytes(p.program)});
  }
  return table.text(columns);
}

/// Whether the machine has enough for every row.
std::string fitting(const lab::MemoryEstimate& e) {
  const int64_t there = e.machine.at("memory_bytes").get<int64_t>();
  std::string too_big;
  for (const auto& row : e.rows) {
    if (row.parts.total() > there) too_big += (too_big.empty() ? "" : ", ") + std::to_string(row.batch_size);
  }
  const std::string machine = "This machine has " + report::human_bytes(static_cast<uint64_t>(there)) + ": ";
  return machine + (too_big.empty() ? "every row fits." : "too little for batch " + too_big + ".") + "\n";
}

std::string method(const lab::MemoryEstimate& e) {
  if (e.tried_layers.size() == 1) return "Measured on all " + std::to_string(e.num_layers) + " layers.";
  return "Estimated from " + std::to_string(e.tried_layers[0]) + " and " + std::to_string(e.tried_layers[1]) + " of " +
         std::to_string(e.num_layers) + " layers.";
}

void print(const lab::MemoryEstimate& e, int64_t own_batch_size) {
  std::cout << e.name << ", seed " << e.seed << ": highest resident memory while training, by examples in a\nforward pass (* the experiment's)\n\n"
            << estimate_table(e, own_batch_size, report::terminal_width(STDOUT_FILENO)) << "\nAll in MiB; base model in " << e.base_type << ". " << method(e)
            << "\nEvaluation and checkpoints are left out.\n" << fitting(e);
}

int estimate(const EstimateOptions& o) {
  lab::MemoryRequest request{read_experiment(o.experiment), o.batch_sizes};
  const int64_t own = request.experiment.train.batch_size;
  auto& sizes = request.batch_sizes;
  sizes.push_back(own);
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  RunDisplay display(o.quiet);
  const auto found = lab::estimate_memory(request, display);
  display.end();
  if (o.json) {
    std::cout << lab::to_json(found).dump(2) << "\n";
  } else {
    print(found, own);
  }
  return kDone;
}

}  // namespace

void add_estimate(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("estimate", "Show how much memory training would take, without holding the whole model");
  auto o = std::make_shared<EstimateOptions>();
  add_experiment_options(*verb, o->experiment);
  verb->add_option("--batch-sizes", o->batch_sizes, "examples in a forward pass, beside the experiment's own")
      ->delimiter(',')->check(CLI::PositiveNumber)->capture_default_str();
  verb->add_flag("--json", o->json, "print one JSON object, in bytes");
  verb->add_flag("--quiet", o->quiet, "no progress");
  set_example(*verb, "peftlab estimate experiments/roads_lora.json --set /train/max_length=512");
  verb->callback([o, &action] { action = [o] { return estimate(*o); }; });
}

}  // namespace peftlab::cli
