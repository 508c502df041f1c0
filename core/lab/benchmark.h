// How fast methods train and answer on this machine, beside what the model's matrix products alone would take.
#pragma once

#include <string>
#include <vector>

#include "core/io/json.h"
#include "core/lab/display.h"
#include "core/lab/experiment.h"
#include "core/lab/step_law.h"

namespace peftlab::lab {

struct BenchmarkRequest {
  std::vector<Experiment> experiments;
  int64_t num_warm_up = 4;   // steps before those that are measured
  int64_t num_steps = 20;
  int64_t num_answers = 64;  // of the first evaluated split; 0: none
};

struct Spread {
  double least = 0.0, median = 0.0, most = 0.0;
};

/// REQUIRES: at least one value.
Spread spread_of(std::vector<double> values);

/// One experiment's figures; token counts are means over the measured steps.
struct MethodSpeed {
  std::string name;
  std::string base_kind;  // how the frozen matrices are kept: "bfloat16", "nf4" ...
  double load_seconds = 0.0;
  Spread step_seconds;
  double useful_per_step = 0.0;  // tokens of the examples as they would stand alone
  double rows_per_step = 0.0;    // computed, virtual tokens included
  double labels_per_step = 0.0;
  StepLaw law;
  Spread limit;              // FLOP/s of the best bare product, measured between the steps
  Spread fraction_of_limit;  // of each step, of the limit around it
  int64_t num_answers = 0;
  int64_t num_generated = 0;  // tokens
  double answer_seconds = 0.0;

  double step_flop() const { return law.flop(rows_per_step, labels_per_step); }
};

struct Benchmark {
  io::Json machine;
  double load_average = 0.0;  // of the last minute, before anything was measured
  std::vector<MethodSpeed> rows;
};

/// Trains a few steps of each experiment and lets it answer, and keeps nothing of them. Throws what a run would throw before it
/// begins, and ConfigError where an experiment has fewer steps than asked for.
Benchmark benchmark(const BenchmarkRequest& request, Display& display);

io::Json to_json(const Benchmark& benchmark);

}  // namespace peftlab::lab
