// The training loop.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/decoder.h"
#include "core/plugin/attached.h"
#include "core/train/optimizer.h"
#include "core/train/progress.h"
#include "core/train/schedule.h"

namespace peftlab::train {

/// One optimizer step, as it is logged.
struct StepReport {
  int64_t step = 0;       // from 1
  int64_t num_steps = 0;
  double epoch = 0.0;     // passes over the data after this step
  double loss = 0.0;      // task + penalty
  double loss_task = 0.0; // mean negative log-likelihood per labelled token, nats
  double loss_penalty = 0.0;
  double learning_rate = 0.0;
  double gradient_norm = 0.0;  // before clipping
  int64_t num_labels = 0;
  int64_t num_useful = 0;      // tokens of the examples as they would stand alone
  int64_t num_computed = 0;    // rows computed; fewer where a beginning is shared, more where a batch is filled up
  double seconds = 0.0;
  bool skipped = false;        // a loss or gradient was not finite, and the settings say to go on
};

/// Values by metric name, of the dev split.
using Metrics = std::map<std::string, double>;

/// What the loop tells, in the order it happens.
class Observer {
 public:
  virtual ~Observer() = default;
  /// Training begins after `step` steps that an earlier process made (0: anew).
  virtual void on_start(int64_t /*step*/) {}
  virtual void on_step(const StepReport&) {}
  virtual void on_evaluation(int64_t /*step*/, const Metrics&, double /*seconds*/) {}
  virtual void on_checkpoint(int64_t /*step*/, const std::filesystem::path&) {}
  virtual void on_note(int64_t /*step*/, const std::string&) {}
};

/// What is trained, on what, and where it is kept.
struct Job {
  model::Decoder* decoder = nullptr;
  std::vector<plugin::AttachedMethod*> methods;
  std::vector<model::Sequence> examples;
  Settings settings;
  uint64_t seed = 0;
  std::filesystem::path checkpoints;    // folder; empty: nothing is saved and nothing resumed
  std::string identity;                 // what the run is: a checkpoint of another one is refused
  std::function<Metrics()> evaluate;    // of the dev split; empty when the settings never ask
  const std::atomic<bool>* stop = nullptr;  // set by a signal: the loop saves and ends
};

enum class Ending { finished, early_stopped, interrupted };

struct Outcome {
  Ending ending = Ending::finished;
  Progress progress;
  bool shared_beginning = false;  // whether batches computed a common beginning once
  TrainingBytes bytes;            // at the end
};

/// What train() asks first, before anything that costs time: throws ConfigError for an example that has no room behind
/// virtual tokens, which its own limit did not count, and for a plan that a method refuses. REQUIRES: the methods hold
/// what they start from.
void check_job(const Job& job);

/// Trains, from the newest good checkpoint if there is one. Throws RunError with step, examples and last checkpoint when a loss
/// or gradient is not finite (unless the settings say to skip), and ConfigError for a plan a method refuses.
Outcome train(const Job& job, Observer& observer);

}  // namespace peftlab::train
