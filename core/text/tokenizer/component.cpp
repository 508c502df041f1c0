#include "core/text/tokenizer/component.h"

#include "core/text/unicode.h"
#include "peftlab/error.h"

namespace peftlab::text {

Component::Component(const nlohmann::json& value, std::string where, bool typed)
    : value_(value), where_(std::move(where)) {
  if (!value.is_object()) refuse(std::string("got ") + value.type_name() + ", expected an object");
  if (typed) type_ = text("type");
}

bool Component::has(const char* key) const {
  const auto found = value_.find(key);
  return found != value_.end() && !found->is_null();
}

const nlohmann::json& Component::at(const char* key, const char* expected) const {
  const auto found = value_.find(key);
  if (found == value_.end()) refuse(std::string("has no '") + key + "', expected " + expected);
  return *found;
}

std::string Component::text(const char* key) const {
  const auto& value = at(key, "a string");
  if (!value.is_string()) refuse(std::string("'") + key + "' is " + value.type_name() + ", expected a string");
  return value.get<std::string>();
}

std::string Component::text(const char* key, const std::string& fallback) const {
  return has(key) ? text(key) : fallback;
}

bool Component::flag(const char* key, bool fallback) const {
  if (!has(key)) return fallback;
  const auto& value = at(key, "true or false");
  if (!value.is_boolean()) refuse(std::string("'") + key + "' is " + value.type_name() + ", expected true or false");
  return value.get<bool>();
}

size_t Component::count(const char* key) const {
  const auto& value = at(key, "a count");
  if (!value.is_number_integer() || value.get<int64_t>() < 0)
    refuse(std::string("'") + key + "' is " + value.dump() + ", expected a count");
  return static_cast<size_t>(value.get<int64_t>());
}

char32_t Component::character(const char* key) const {
  const std::string given = text(key);
  size_t end = 0;
  const char32_t c = given.empty() ? 0 : next_char(given, end);
  if (given.empty() || end != given.size())
    refuse(std::string("'") + key + "' is '" + given + "', expected one character");
  return c;
}

Pattern Component::pattern(const char* key) const {
  const Component given = object(key);
  if (given.has("Regex")) return Pattern::regex(given.text("Regex"), where_);
  if (given.has("String")) return Pattern::literal(given.text("String"));
  refuse(std::string("'") + key + "' has neither 'String' nor 'Regex'");
}

Component Component::object(const char* key) const {
  return Component(at(key, "an object"), place_of(key), /*typed=*/false);
}

std::vector<Component> Component::parts(const char* key, bool typed) const {
  const auto& list = at(key, "a list");
  if (!list.is_array()) refuse(std::string("'") + key + "' is " + list.type_name() + ", expected a list");
  std::vector<Component> made;
  for (size_t i = 0; i < list.size(); ++i) made.emplace_back(list[i], place_of(key) + "/" + std::to_string(i), typed);
  return made;
}

// "file: /key" below the file itself, "file: /part/key" below a part.
std::string Component::place_of(const char* key) const {
  return where_ + (where_.find(": /") == std::string::npos ? ": /" : "/") + key;
}

void Component::refuse(const std::string& message) const { throw ConfigError(where_ + ": " + message); }

void Component::refuse_type(const char* kind, std::initializer_list<const char*> known) const {
  std::string names;
  for (const char* name : known) names += (names.empty() ? "" : " ") + std::string(name);
  refuse(std::string("the ") + kind + " '" + type_ + "' is not supported; peftlab has: " + names);
}

}  // namespace peftlab::text
