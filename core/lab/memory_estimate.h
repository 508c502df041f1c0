// How much memory a training run would take, without holding the whole model.
#pragma once

#include <string>
#include <vector>

#include "core/lab/display.h"
#include "core/lab/experiment.h"

namespace peftlab::lab {

struct MemoryRequest {
  Experiment experiment;
  std::vector<int64_t> batch_sizes;  // examples per forward pass; each is a row of the answer
};

/// The highest resident memory of a process that loads and trains and does nothing else, in bytes, by what holds it; named as a
/// record's training_memory_bytes.
struct MemoryParts {
  int64_t base_model = 0;
  int64_t trained = 0;
  int64_t gradients = 0;
  int64_t optimizer = 0;
  int64_t activations = 0;  // what a step works with beside those
  int64_t program = 0;      // code, libraries, data
  int64_t total() const { return base_model + trained + gradients + optimizer + activations + program; }
};

struct MemoryRow {
  int64_t batch_size = 0;
  int64_t num_rows = 0;  // computed in the micro-batch of the run that takes most
  MemoryParts parts;
};

struct MemoryEstimate {
  std::string name;  // of the experiment
  int64_t seed = 0;
  std::string base_type;  // of the frozen weights
  int64_t num_layers = 0;
  std::vector<int64_t> tried_layers;  // depths that were trained for a few steps; the whole depth alone: measured, not estimated
  std::vector<MemoryRow> rows;
  io::Json machine;
};

/// Trains a few steps on the model's first layers, at two depths, and draws a line through what they hold: frozen weights, trained
/// tensors and saved activations grow by the same bytes with each layer. A method that is told which layers to fill is tried on the
/// whole model instead. Evaluation and checkpoints are left out. Throws what a run would throw before it begins, and ConfigError
/// for a run on a GPU.
MemoryEstimate estimate_memory(const MemoryRequest& request, Display& display);

io::Json to_json(const MemoryEstimate& estimate);

}  // namespace peftlab::lab
