// Runs of a few steps with a method on a tiny model.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>

#include "core/train/trainer.h"
#include "tests/support/toy.h"

namespace peftlab::test {

/// Tells `each` of every step, after the method has seen it; the run stops where it returns true.
struct Watch final : train::Observer {
  std::function<bool(const train::StepReport&)> each;
  std::atomic<bool> stop{false};
  void on_step(const train::StepReport& report) override { stop = each && each(report); }
};

/// Trains the toy's method on sequences that share a beginning.
inline train::Outcome train_toy(Toy& toy, const train::Settings& settings, Watch& watch,
                                const std::filesystem::path& checkpoints = {}) {
  train::Job job;
  job.decoder = toy.decoder.get();
  job.methods = toy.set.pointers();
  job.examples = sharing_sequences(8, 6);
  job.settings = settings;
  job.checkpoints = checkpoints;
  job.identity = "test";
  job.stop = &watch.stop;
  return train::train(job, watch);
}

/// AdamW without a schedule, three examples a step.
inline train::Settings plain_settings(int64_t steps, double learning_rate = 1e-2) {
  train::Settings settings;
  settings.max_steps = steps;
  settings.batch_size = 3;
  settings.learning_rate = learning_rate;
  return settings;
}

}  // namespace peftlab::test
