#include "core/lab/experiment.h"
#include "core/lab/experiment_reader.h"

namespace peftlab::lab {

using io::Json;

namespace {

// One of each object and list, so that a reader meets every key.
constexpr const char* kEverything =
    R"({"model": {"quantize": {}}, "method": {}, "train": {"parameter_groups": [{}], "evaluate_every": {}, "save_every": {},
  "best_metric": {}, "early_stopping": {}}, "evaluate": {"max_items": {}, "forgetting": {}}})";

// Short forms that are written out before an experiment is read.
void allow(Json& schema, const std::string& pointer, const Json& also) {
  Json& key = schema.at(Json::json_pointer(pointer));
  if (!key.contains("anyOf")) {
    const Json about = key.contains("description") ? key.at("description") : Json("");
    key.erase("description");
    key = {{"anyOf", Json::array({key})}, {"description", about}};
  }
  key.at("anyOf").push_back(also);
}

Json method_schemas() {
  const Json name = {{"type", "string"}, {"description", "a method; 'peftlab methods' lists them"}};
  const Json one = {{"anyOf", Json::array({name, Json{{"type", "object"},
                                                      {"properties", {{"name", name}}},
                                                      {"required", Json::array({"name"})}}})}};
  const Json many = {{"type", "array"}, {"items", {{"$ref", "#/$defs/method"}}}, {"minItems", 1}};
  return {{"method", one},
          {"methods", {{"anyOf", Json::array({Json{{"$ref", "#/$defs/method"}}, many, Json{{"type", "null"}}})}}}};
}

// An experiment may leave to the one it extends what must be given in the end.
void require_nothing(Json& schema, const std::string& pointer) {
  schema.at(Json::json_pointer(pointer)).erase("required");
}

}  // namespace

Json experiment_schema() {
  io::Mistakes unused;
  const Layers layers{io::parse_json(kEverything, "experiment"),
                      [](const io::Pointer&) { return std::filesystem::path(); }};
  const std::filesystem::path library;
  ExperimentReader reader(layers, library, unused);
  reader.read();
  Json properties = io::schema_of(reader.declared());
  for (const char* object : {"", "/properties/model", "/properties/train/anyOf/0"}) require_nothing(properties, object);
  allow(properties, "/properties/model/properties/quantize", {{"enum", Json::array({"nf4", "fp4"})}});
  allow(properties, "/properties/model", {{"type", "string"}});
  allow(properties, "/properties/train/anyOf/0/properties/best_metric", {{"type", "string"}});
  allow(properties, "/properties/evaluate/anyOf/0/properties/max_items", {{"type", "integer"}, {"minimum", 1}});
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "a peftlab experiment"}};
  schema.update(properties);
  schema["required"] = Json::array({"about"});
  schema["$defs"] = method_schemas();
  return schema;
}

}  // namespace peftlab::lab
