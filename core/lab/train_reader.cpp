#include <algorithm>
#include <regex>

#include "core/data/metric.h"
#include "core/lab/experiment_reader.h"

namespace peftlab::lab {
namespace {

using io::Json;
using io::ObjectReader;
using io::Range;
using train::Settings;

constexpr std::size_t kLongestMatch = 1000;  // std::regex recurses over its pattern
constexpr Range kCount{.least = 1};
constexpr Range kPositive{.least = 0, .above = true};
constexpr Range kAtLeastZero{.least = 0};
constexpr Range kBelowOne{.least = 0, .most = 1, .below = true};

void exclude(ObjectReader& reader, const std::string& one, const std::string& other) {
  if (!reader.has(one) || !reader.has(other)) return;
  reader.mistake(other, one + " and " + other + " exclude each other; keep one of them");
}

void read_length(ObjectReader& reader, Settings& train) {
  constexpr double kDefaultEpochs = 3;
  exclude(reader, "epochs", "max_steps");
  train.epochs =
      reader.optional_number("epochs", "passes over the training data; 3 if max_steps is not given either", kPositive);
  train.max_steps = reader.optional_integer("max_steps", "optimizer steps, instead of epochs", kCount);
  if (train.max_steps) train.epochs.reset();
  else if (!train.epochs) train.epochs = kDefaultEpochs;
  train.batch_size = reader.integer("batch_size", 4, "examples per forward pass", kCount);
  train.gradient_accumulation = reader.integer("gradient_accumulation", 1, "forward passes per optimizer step", kCount);
}

void read_betas(ObjectReader& reader, Settings& train) {
  const Json schema = Json::parse(R"({"type": "array", "items": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
                                      "minItems": 2, "maxItems": 2, "default": [0.9, 0.999]})");
  const Json value = reader.any("betas", "how slowly adamw forgets the gradient and its square", schema);
  if (value.is_null()) return;
  const auto good = [](const Json& beta) {
    return beta.is_number() && beta.get<double>() >= 0 && beta.get<double>() < 1;
  };
  if (!value.is_array() || value.size() != 2 || !good(value[0]) || !good(value[1])) {
    return reader.mistake("betas", "expected a list of two numbers of at least 0 and below 1, got " + io::shown(value));
  }
  train.beta1 = value[0].get<double>();
  train.beta2 = value[1].get<double>();
}

void refuse_without(ObjectReader& reader, const std::string& optimizer, const std::vector<std::string>& keys) {
  for (const auto& key : keys) {
    if (!reader.has(key)) continue;
    reader.mistake(key, "is a setting of optimizer '" + optimizer + "', which this run does not use; remove it");
  }
}

void read_groups(ObjectReader& reader, Settings& train) {
  for (auto& one : reader.objects(
           "parameter_groups", "other learning rates for some of the trained tensors; the first that matches holds")) {
    train::ParameterGroup group;
    group.match = one.text("match", std::nullopt, "regular expression (ECMAScript) searched for in the tensor's name");
    group.learning_rate_factor = one.number("learning_rate_factor", 1.0, "times learning_rate", kPositive);
    group.weight_decay = one.optional_number("weight_decay", "instead of the run's weight_decay", kAtLeastZero);
    if (group.match.size() > kLongestMatch) {
      one.mistake("match", "has " + std::to_string(group.match.size()) + " characters, expected at most " +
                               std::to_string(kLongestMatch));
      continue;
    }
    try {
      const std::regex checked(group.match);
    } catch (const std::regex_error& error) {
      one.mistake("match", std::string("is no regular expression: ") + error.what());
    }
    train.parameter_groups.push_back(std::move(group));
  }
}

void read_optimizer(ObjectReader& reader, Settings& train) {
  const std::string optimizer = reader.choice("optimizer", "adamw", {"adamw", "sgd"}, "how gradients become steps");
  train.optimizer = optimizer == "sgd" ? train::Optimizer::sgd : train::Optimizer::adamw;
  train.learning_rate =
      reader.number("learning_rate", std::nullopt, "the highest learning rate of the schedule", kPositive);
  read_betas(reader, train);
  train.epsilon = reader.number("epsilon", 1e-8, "adamw: added to the root of the squared gradient", kPositive);
  train.momentum = reader.number("momentum", 0.0, "sgd: share of the last step kept", kBelowOne);
  train.weight_decay = reader.number("weight_decay", 0.0, "pulls tensors towards zero", kAtLeastZero);
  train.no_decay_on_vectors =
      reader.flag("no_decay_on_vectors", true, "leave biases, norms and other vectors without decay");
  if (train.optimizer == train::Optimizer::sgd) refuse_without(reader, "adamw", {"betas", "epsilon"});
  else refuse_without(reader, "sgd", {"momentum"});
  read_groups(reader, train);
}

void read_schedule(ObjectReader& reader, Settings& train) {
  const std::string schedule =
      reader.choice("schedule", "linear", {"constant", "linear", "cosine"}, "learning rate after the warm-up");
  train.schedule = schedule == "constant" ? train::Schedule::constant
                   : schedule == "cosine" ? train::Schedule::cosine
                                          : train::Schedule::linear;
  exclude(reader, "warmup_ratio", "warmup_steps");
  train.warmup_ratio =
      reader.number("warmup_ratio", 0.0, "share of all steps in which the learning rate rises", kBelowOne);
  train.warmup_steps = reader.optional_integer(
      "warmup_steps", "steps in which the learning rate rises, instead of warmup_ratio", kAtLeastZero);
  if (train.warmup_steps && train.max_steps && *train.warmup_steps >= *train.max_steps) {
    reader.mistake("warmup_steps", "a warm-up of " + std::to_string(*train.warmup_steps) +
                                       " steps leaves nothing of a run of " + std::to_string(*train.max_steps) +
                                       "; expected fewer steps");
  }
  train.clip_norm =
      reader.number("clip_norm", 1.0, "largest norm of all gradients together; 0: no clipping", kAtLeastZero);
}

void read_share_prefix(ObjectReader& reader, Settings& train) {
  const Json schema = Json::parse(R"({"enum": [true, false, "auto", null], "default": "auto"})");
  const Json value = reader.any(
      "share_prefix", "compute the examples' common beginning once a step; auto: unless dropout forbids it", schema);
  if (value.is_boolean()) train.share_prefix = value.get<bool>() ? train::SharePrefix::on : train::SharePrefix::off;
  else if (!value.is_null() && value != "auto")
    reader.mistake("share_prefix", "expected true, false or \"auto\", got " + io::shown(value));
}

void read_batches(ObjectReader& reader, Settings& train) {
  train.max_length = reader.optional_integer(
      "max_length", "tokens of an example; longer ones are cut; the model's limit if not given", {.least = 2});
  const std::string train_on = reader.choice("train_on", "answer", {"answer", "all"}, "whose tokens count in the loss");
  train.train_on = train_on == "all" ? train::TrainOn::all : train::TrainOn::answer;
  read_share_prefix(reader, train);
  train.gradient_checkpointing =
      reader.flag("gradient_checkpointing", false, "recompute activations: less memory, more time");
  const std::string nonfinite =
      reader.choice("on_nonfinite", "stop", {"stop", "skip"}, "at a loss or gradient that is not finite");
  train.on_nonfinite = nonfinite == "skip" ? train::OnNonFinite::skip : train::OnNonFinite::stop;
  train.loss_jump =
      reader.number("loss_jump", 3.0, "report a loss this many times the recent mean", {.least = 1, .above = true});
}

train::Every read_every(ObjectReader& parent, const std::string& key, const std::string& about) {
  ObjectReader reader = parent.object(key, about);
  exclude(reader, "steps", "epochs");
  train::Every every;
  every.steps = reader.optional_integer("steps", "optimizer steps between two", kCount);
  every.epochs = reader.optional_number("epochs", "passes over the training data between two", kPositive);
  if (parent.has(key) && !reader.has("steps") && !reader.has("epochs"))
    parent.mistake(key, "expected \"steps\" or \"epochs\" in it");
  return every;
}

void read_best(ObjectReader& parent, Settings& train) {
  ObjectReader reader = parent.object("best_metric", "what decides which checkpoint is best");
  auto& best = train.best_metric;
  best.name = reader.choice("name", "loss", data::metric_names(), "a metric of the dev split");
  const std::string direction =
      reader.choice("direction", "", {"lower", "higher"}, "which is better; known for the metrics named here");
  const bool lower = direction.empty() ? best.name == "loss" : direction == "lower";
  best.direction = lower ? train::Direction::lower : train::Direction::higher;
}

void read_stopping(ObjectReader& parent, Settings& train) {
  ObjectReader reader = parent.object("early_stopping", "stop when the best metric no longer improves");
  train::EarlyStopping stopping;
  stopping.patience = reader.integer("patience", 3, "evaluations without improvement", kCount);
  stopping.min_change = reader.number("min_change", 0.0, "what counts as an improvement", kAtLeastZero);
  if (parent.has("early_stopping")) train.early_stopping = stopping;
}

void read_checkpoints(ObjectReader& reader, Settings& train) {
  train.log_every_steps = reader.integer("log_every_steps", 1, "optimizer steps between two lines of the log", kCount);
  train.evaluate_every = read_every(reader, "evaluate_every", "evaluate on the dev split; never if not given");
  train.save_every = read_every(reader, "save_every", "write a checkpoint; each epoch if not given");
  if (train.save_every.never()) train.save_every.epochs = 1.0;
  train.keep_last = reader.integer("keep_last", 2, "checkpoints kept beside the best", kCount);
  train.keep_best = reader.flag("keep_best", false, "end with the best evaluated weights instead of the last");
  read_best(reader, train);
  read_stopping(reader, train);
  if (!train.evaluate_every.never()) return;
  const std::string message = "needs evaluations to choose by; add \"evaluate_every\": {\"epochs\": 1}";
  if (train.keep_best) reader.mistake("keep_best", message);
  if (train.early_stopping) reader.mistake("early_stopping", message);
}

}  // namespace

train::Settings read_train(ObjectReader& reader) {
  Settings train;
  read_length(reader, train);
  read_optimizer(reader, train);
  read_schedule(reader, train);
  read_batches(reader, train);
  read_checkpoints(reader, train);
  return train;
}

}  // namespace peftlab::lab
