#include <cmath>
#include <functional>

#include "core/compare/render.h"

namespace peftlab::compare {
namespace {

using io::Json;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

template <typename T>
Json optional(const std::optional<T>& value) {
  if (!value) return nullptr;
  if constexpr (std::is_floating_point_v<T>) {
    return number(*value);
  } else {
    return *value;
  }
}

const char* name_of(Test test) {
  if (test == Test::mcnemar) return "exact_mcnemar";
  return test == Test::crossed ? "paired_over_seeds_and_items" : "unpaired_over_items";
}

Json interval_json(const Interval& interval) { return Json::array({number(interval.low), number(interval.high)}); }

Json difference_json(const Difference& d) {
  return {{"value", number(d.estimate.value)},         {"standard_error", number(d.estimate.standard_error())},
          {"interval_95", interval_json(d.interval)},  {"p", number(d.p)},
          {"adjusted_p", number(d.adjusted_p)},        {"test", name_of(d.test)},
          {"variance_over_seeds_known", d.seeds_known}};
}

Json quality_json(const Row& row) {
  if (!row.quality) return nullptr;
  return {{"mean", number(row.quality->value)},
          {"standard_error", row.quality->parts.empty() ? Json(nullptr) : number(row.quality->standard_error())},
          {"interval_95", row.interval ? interval_json(*row.interval) : Json(nullptr)},
          {"num_items", row.num_items},
          {"by_seed", row.seed_means}};
}

Json forgetting_json(const Row& row) {
  if (!row.forgetting) return nullptr;
  const bool known = !row.forgetting->parts.empty();
  return {{"loss_change_nats", number(row.forgetting->value)},
          {"interval_95", known ? interval_json(symmetric_interval(*row.forgetting, kConfidence)) : Json(nullptr)}};
}

Json row_json(const Row& row) {
  return {{"label", row.label},
          {"method", row.method},
          {"untrained", row.untrained},
          {"seeds", row.seeds},
          {"score", quality_json(row)},
          {"difference", row.difference ? difference_json(*row.difference) : Json(nullptr)},
          {"is_baseline", row.is_baseline},
          {"best_beyond_chance", row.is_alone},
          {"ties_with_best", row.ties_with_best || (row.is_best && !row.is_alone)},
          {"forgetting", forgetting_json(row)},
          {"num_trainable", optional(row.costs.num_trainable)},
          {"adapter_bytes", optional(row.costs.adapter_bytes)},
          {"useful_tokens_per_second", optional(row.costs.useful_tokens_per_second)},
          {"training_seconds", optional(row.costs.training_seconds)},
          {"peak_memory_bytes", optional(row.costs.peak_memory_bytes)},
          {"weight_bytes", optional(row.costs.memory.weights)},
          {"gradient_bytes", optional(row.costs.memory.gradients)},
          {"optimizer_bytes", optional(row.costs.memory.optimizer)},
          {"activation_bytes", optional(row.costs.memory.activations)},
          {"base_kept_as", row.base_kept_as},
          {"machine", row.several_machines ? Json("several") : Json(row.machine)},
          {"problems", row.problems}};
}

Json run_json(const Run& run) {
  Json facts = Json::object();
  for (const auto* list : {&run.must_agree, &run.circumstances}) {
    for (const auto& [name, value] : *list) facts[name] = value;
  }
  return {
      {"source", run.source.string()}, {"name", run.name},         {"method", run.method}, {"seed", optional(run.seed)},
      {"problem", run.problem},        {"warnings", run.warnings}, {"facts", facts}};
}

std::string csv_field(const Json& value) {
  if (value.is_null()) return "";
  if (!value.is_string()) return value.dump();
  const auto text = value.get<std::string>();
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

struct CsvColumn {
  const char* heading;
  std::function<Json(const Row&)> value;
};

std::function<Json(const Row&)> of_difference(Json (*value)(const Difference&)) {
  return [value](const Row& row) { return row.difference ? value(*row.difference) : Json(nullptr); };
}

std::string joined_problems(const Row& row) {
  std::string text;
  for (const auto& problem : row.problems) text += (text.empty() ? "" : "; ") + problem;
  return text;
}

std::vector<CsvColumn> csv_columns() {
  return {
      {"label", [](const Row& r) { return Json(r.label); }},
      {"method", [](const Row& r) { return Json(r.method); }},
      {"num_seeds", [](const Row& r) { return Json(r.seeds.size()); }},
      {"num_items", [](const Row& r) { return r.num_items > 0 ? Json(r.num_items) : Json(nullptr); }},
      {"score_mean", [](const Row& r) { return r.quality ? number(r.quality->value) : Json(nullptr); }},
      {"score_low_95", [](const Row& r) { return r.interval ? number(r.interval->low) : Json(nullptr); }},
      {"score_high_95", [](const Row& r) { return r.interval ? number(r.interval->high) : Json(nullptr); }},
      {"difference", of_difference([](const Difference& d) { return number(d.estimate.value); })},
      {"difference_low_95", of_difference([](const Difference& d) { return number(d.interval.low); })},
      {"difference_high_95", of_difference([](const Difference& d) { return number(d.interval.high); })},
      {"p", of_difference([](const Difference& d) { return number(d.p); })},
      {"adjusted_p", of_difference([](const Difference& d) { return number(d.adjusted_p); })},
      {"test", of_difference([](const Difference& d) { return Json(name_of(d.test)); })},
      {"is_baseline", [](const Row& r) { return Json(r.is_baseline); }},
      {"best_beyond_chance", [](const Row& r) { return Json(r.is_alone); }},
      {"ties_with_best", [](const Row& r) { return Json(r.ties_with_best || (r.is_best && !r.is_alone)); }},
      {"forgetting_nats_per_token",
       [](const Row& r) { return r.forgetting ? number(r.forgetting->value) : Json(nullptr); }},
      {"num_trainable", [](const Row& r) { return optional(r.costs.num_trainable); }},
      {"adapter_bytes", [](const Row& r) { return optional(r.costs.adapter_bytes); }},
      {"useful_tokens_per_second", [](const Row& r) { return optional(r.costs.useful_tokens_per_second); }},
      {"training_seconds", [](const Row& r) { return optional(r.costs.training_seconds); }},
      {"peak_memory_bytes", [](const Row& r) { return optional(r.costs.peak_memory_bytes); }},
      {"weight_bytes", [](const Row& r) { return optional(r.costs.memory.weights); }},
      {"gradient_bytes", [](const Row& r) { return optional(r.costs.memory.gradients); }},
      {"optimizer_bytes", [](const Row& r) { return optional(r.costs.memory.optimizer); }},
      {"activation_bytes", [](const Row& r) { return optional(r.costs.memory.activations); }},
      {"base_kept_as", [](const Row& r) { return Json(r.base_kept_as); }},
      {"machine", [](const Row& r) { return Json(r.several_machines ? "several" : r.machine); }},
      {"problems", [](const Row& r) { return Json(joined_problems(r)); }},
  };
}

}  // namespace

std::string csv_text(const Comparison& comparison) {
  const auto columns = csv_columns();
  std::string text;
  for (size_t i = 0; i < columns.size(); ++i) text += (i ? "," : "") + std::string(columns[i].heading);
  text += "\r\n";
  for (const auto& row : comparison.rows) {
    for (size_t i = 0; i < columns.size(); ++i) text += (i ? "," : "") + csv_field(columns[i].value(row));
    text += "\r\n";
  }
  return text;
}

io::Json to_json(const Comparison& comparison) {
  Json json = {{"split", comparison.split}, {"rows", Json::array()}};
  json["baseline"] = comparison.baseline ? Json(comparison.rows[*comparison.baseline].label) : Json(nullptr);
  json["baseline_chosen"] = comparison.baseline_chosen;
  json["detectable_difference"] = optional(comparison.detectable);
  json["detectable_difference_adjusted"] = optional(comparison.detectable_adjusted);
  for (const auto& row : comparison.rows) json["rows"].push_back(row_json(row));
  json["pareto_fronts"] = Json::array();
  for (const auto& [cost, rows] : comparison.fronts) {
    Json labels = Json::array();
    for (const size_t i : rows) labels.push_back(comparison.rows[i].label);
    json["pareto_fronts"].push_back({{"cost", cost}, {"rows", labels}});
  }
  json["notes"] = comparison.notes;
  json["runs"] = Json::array();
  for (const auto& run : comparison.runs) json["runs"].push_back(run_json(run));
  return json;
}

}  // namespace peftlab::compare
