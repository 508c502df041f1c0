#include "core/train/progress.h"

namespace peftlab::train {

io::Json Progress::to_json() const {
  return {{"step", step},
          {"num_useful", num_useful},
          {"num_computed", num_computed},
          {"num_labels", num_labels},
          {"num_skipped", num_skipped},
          {"num_jumps", num_jumps},
          {"train_seconds", train_seconds},
          {"evaluation_seconds", evaluation_seconds},
          {"first_step_seconds", first_step_seconds},
          {"recent_losses", recent_losses},
          {"best_value", best_value ? io::Json(*best_value) : io::Json(nullptr)},
          {"best_step", best_step},
          {"evaluations_without_gain", evaluations_without_gain}};
}

Progress Progress::from_json(const io::Json& json, const std::string& where) {
  try {
    Progress p;
    json.at("step").get_to(p.step);
    json.at("num_useful").get_to(p.num_useful);
    json.at("num_computed").get_to(p.num_computed);
    json.at("num_labels").get_to(p.num_labels);
    json.at("num_skipped").get_to(p.num_skipped);
    json.at("num_jumps").get_to(p.num_jumps);
    json.at("train_seconds").get_to(p.train_seconds);
    json.at("evaluation_seconds").get_to(p.evaluation_seconds);
    json.at("first_step_seconds").get_to(p.first_step_seconds);
    json.at("recent_losses").get_to(p.recent_losses);
    if (!json.at("best_value").is_null()) p.best_value = json.at("best_value").get<double>();
    json.at("best_step").get_to(p.best_step);
    json.at("evaluations_without_gain").get_to(p.evaluations_without_gain);
    return p;
  } catch (const io::Json::exception& error) {
    throw ConfigError(where + ": not the progress of a run: " + error.what());
  }
}

}  // namespace peftlab::train
