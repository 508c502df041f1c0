#include <cmath>

#include "core/io/object_reader.h"

namespace peftlab::io {
namespace {

Json schema_of_key(const Declared& key);

void add_range(Json& schema, const Range& range, bool integer) {
  const auto end = [integer](double value) { return integer ? Json(static_cast<int64_t>(value)) : Json(value); };
  if (std::isfinite(range.least)) schema[range.above ? "exclusiveMinimum" : "minimum"] = end(range.least);
  if (std::isfinite(range.most)) schema[range.below ? "exclusiveMaximum" : "maximum"] = end(range.most);
}

// A key that may be absent may be null, which means the same.
Json with_null(Json schema) { return Json{{"anyOf", Json::array({std::move(schema), Json{{"type", "null"}}})}}; }

Json schema_of_type(const Declared& key) {
  if (key.type == "any") return key.schema.is_null() ? Json::object() : key.schema;
  if (key.type == "object") return key.inner.empty() ? Json{{"type", "object"}} : schema_of(key.inner);
  if (key.type == "array of objects") {
    return Json{{"type", "array"}, {"items", key.inner.empty() ? Json{{"type", "object"}} : schema_of(key.inner)}};
  }
  if (key.type == "array of strings") {
    const Json one = {{"type", "string"}};
    return Json{{"anyOf", Json::array({one, Json{{"type", "array"}, {"items", one}}})}};
  }
  Json schema = {{"type", key.type}};
  if (!key.choices.empty()) schema["enum"] = key.choices;
  add_range(schema, key.range, key.type == "integer");
  return schema;
}

Json schema_of_key(const Declared& key) {
  Json schema = schema_of_type(key);
  if (!key.required && key.type != "any") schema = with_null(std::move(schema));
  schema["description"] = key.about;
  if (!key.required && !key.fallback.is_null() && key.type != "object") schema["default"] = key.fallback;
  return schema;
}

}  // namespace

Json schema_of(const std::vector<Declared>& declared) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const auto& key : declared) {
    properties[key.key] = schema_of_key(key);
    if (key.required) required.push_back(key.key);
  }
  Json schema = {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

}  // namespace peftlab::io
