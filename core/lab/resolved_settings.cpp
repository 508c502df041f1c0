#include "core/lab/resolved_settings.h"

namespace peftlab::lab {

using io::Json;

namespace {

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json resolved_every(const train::Every& every) {
  if (every.never()) return nullptr;
  return every.steps ? Json{{"steps", *every.steps}} : Json{{"epochs", *every.epochs}};
}

Json resolved_groups(const std::vector<train::ParameterGroup>& groups) {
  Json list = Json::array();
  for (const auto& group : groups) {
    list.push_back(Json{{"match", group.match},
                        {"learning_rate_factor", group.learning_rate_factor},
                        {"weight_decay", or_null(group.weight_decay)}});
  }
  return list;
}

void add_optimizer(const train::Settings& train, Json& json) {
  const bool sgd = train.optimizer == train::Optimizer::sgd;
  json["optimizer"] = sgd ? "sgd" : "adamw";
  json["learning_rate"] = train.learning_rate;
  if (sgd) {
    json["momentum"] = train.momentum;
  } else {
    json["betas"] = {train.beta1, train.beta2};
    json["epsilon"] = train.epsilon;
  }
  json["weight_decay"] = train.weight_decay;
  json["no_decay_on_vectors"] = train.no_decay_on_vectors;
  json["parameter_groups"] = resolved_groups(train.parameter_groups);
}

void add_schedule(const train::Settings& train, Json& json) {
  json["schedule"] = train.schedule == train::Schedule::constant ? "constant"
                     : train.schedule == train::Schedule::cosine ? "cosine"
                                                                 : "linear";
  if (train.warmup_steps) json["warmup_steps"] = *train.warmup_steps;
  else json["warmup_ratio"] = train.warmup_ratio;
  json["clip_norm"] = train.clip_norm;
}

void add_batches(const train::Settings& train, Json& json) {
  json["max_length"] = or_null(train.max_length);
  json["train_on"] = train.train_on == train::TrainOn::all ? "all" : "answer";
  json["share_prefix"] = train.share_prefix == train::SharePrefix::automatic
                             ? Json("auto")
                             : Json(train.share_prefix == train::SharePrefix::on);
  json["gradient_checkpointing"] = train.gradient_checkpointing;
  json["on_nonfinite"] = train.on_nonfinite == train::OnNonFinite::skip ? "skip" : "stop";
  json["loss_jump"] = train.loss_jump;
}

void add_checkpoints(const train::Settings& train, Json& json) {
  json["log_every_steps"] = train.log_every_steps;
  json["evaluate_every"] = resolved_every(train.evaluate_every);
  json["save_every"] = resolved_every(train.save_every);
  json["keep_last"] = train.keep_last;
  json["keep_best"] = train.keep_best;
  const bool lower = train.best_metric.direction == train::Direction::lower;
  json["best_metric"] = {{"name", train.best_metric.name}, {"direction", lower ? "lower" : "higher"}};
  json["early_stopping"] = nullptr;
  if (!train.early_stopping) return;
  json["early_stopping"] = {{"patience", train.early_stopping->patience},
                            {"min_change", train.early_stopping->min_change}};
}

}  // namespace

Json resolved_train(const train::Settings& train) {
  Json json = Json::object();
  if (train.max_steps) json["max_steps"] = *train.max_steps;
  else json["epochs"] = or_null(train.epochs);
  json["batch_size"] = train.batch_size;
  json["gradient_accumulation"] = train.gradient_accumulation;
  add_optimizer(train, json);
  add_schedule(train, json);
  add_batches(train, json);
  add_checkpoints(train, json);
  return json;
}

Json resolved_evaluate(const evaluate::Settings& evaluate) {
  Json forgetting = false;
  if (evaluate.forgetting) {
    forgetting = {{"max_tokens", evaluate.forgetting->max_tokens}};
    for (const auto& text : evaluate.forgetting->texts) forgetting["texts"].push_back(text.filename().string());
    if (evaluate.forgetting->task) forgetting["task"] = evaluate.forgetting->task->filename().string();
  }
  Json max_items = {{"dev", or_null(evaluate.max_dev_items)}, {"test", or_null(evaluate.max_test_items)}};
  return {{"splits", evaluate.splits},
          {"max_items", std::move(max_items)},
          {"batch_size", evaluate.batch_size},
          {"max_new_tokens", evaluate.max_new_tokens},
          {"base", evaluate.base},
          {"forgetting", std::move(forgetting)},
          {"free_prompts", evaluate.free_prompts},
          {"free_answer_tokens", evaluate.free_answer_tokens}};
}

}  // namespace peftlab::lab
