// What a training run is asked to do: the `train` object of an experiment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace peftlab::train {

enum class Optimizer { adamw, sgd };
enum class Schedule { constant, linear, cosine };
enum class TrainOn { answer, all };
enum class SharePrefix { automatic, on, off };
enum class OnNonFinite { stop, skip };
enum class Direction { lower, higher };

/// How often something happens. At most one of the two is set; neither: never.
struct Every {
  std::optional<int64_t> steps;  // optimizer steps
  std::optional<double> epochs;  // passes over the training data, parts of one allowed
  bool never() const { return !steps && !epochs; }
};

/// The learning rate and decay of some of the trained tensors.
struct ParameterGroup {
  std::string match;                   // std::regex (ECMAScript), searched for anywhere in the tensor's name
  double learning_rate_factor = 1.0;   // times Settings::learning_rate
  std::optional<double> weight_decay;  // instead of Settings::weight_decay
};

struct EarlyStopping {
  int64_t patience = 3;     // evaluations without improvement before the run stops
  double min_change = 0.0;  // what counts as an improvement of the best metric, in its unit
};

struct BestMetric {
  std::string name = "loss";  // on the dev split: "loss" (nats per token) or the task's metric
  Direction direction = Direction::lower;
};

struct Settings {
  // How long: exactly one is set.
  std::optional<double> epochs;      // passes over the training data
  std::optional<int64_t> max_steps;  // optimizer steps

  int64_t batch_size = 4;             // examples per forward pass
  int64_t gradient_accumulation = 1;  // forward passes per optimizer step

  Optimizer optimizer = Optimizer::adamw;
  double learning_rate = 0.0;       // the highest the schedule reaches
  double beta1 = 0.9;               // adamw
  double beta2 = 0.999;             // adamw
  double epsilon = 1e-8;            // adamw
  double momentum = 0.0;            // sgd
  double weight_decay = 0.0;        // adamw: decoupled, times the learning rate; sgd: added to the gradient
  bool no_decay_on_vectors = true;  // biases, norms and other tensors of one dimension are not decayed
  std::vector<ParameterGroup> parameter_groups;  // the first that matches a tensor holds

  Schedule schedule = Schedule::linear;
  double warmup_ratio = 0.0;            // share of all steps; used when warmup_steps is unset
  std::optional<int64_t> warmup_steps;  // optimizer steps
  double clip_norm = 1.0;               // largest norm of all gradients together; 0: no clipping

  std::optional<int64_t> max_length;                  // tokens of an example; unset: the model's own limit
  TrainOn train_on = TrainOn::answer;                 // whose tokens count in the loss
  SharePrefix share_prefix = SharePrefix::automatic;  // compute the examples' common beginning once a step
  bool gradient_checkpointing = false;  // recompute activations in the backward pass: less memory, more time

  OnNonFinite on_nonfinite = OnNonFinite::stop;  // a loss or gradient that is not finite: stop the run or skip the step
  double loss_jump = 3.0;                        // report a step whose loss is this many times the recent mean

  int64_t log_every_steps = 1;  // optimizer steps
  Every evaluate_every;         // on the dev split
  Every save_every;             // checkpoints
  int64_t keep_last = 2;        // checkpoints kept beside the best
  bool keep_best = false;       // the run's adapter is the best evaluated one, not the last
  BestMetric best_metric;
  std::optional<EarlyStopping> early_stopping;
};

}  // namespace peftlab::train
