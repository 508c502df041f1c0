// The out-of-line parts of include/peftlab/value.h.
#include "peftlab/value.h"

#include <algorithm>

#include "peftlab/error.h"

namespace peftlab {
namespace {

const char* kind_of(const Value& value) {
  constexpr const char* kKinds[] = {"null", "a boolean", "an integer", "a number", "a text", "a list", "an object"};
  static_assert(std::size(kKinds) == std::variant_size_v<Value::Data>);
  return kKinds[value.data().index()];
}

template <typename T>
const T& held(const Value& value, const char* expected) {
  if (const T* found = std::get_if<T>(&value.data())) return *found;
  throw ConfigError(std::string("expected ") + expected + ", got " + kind_of(value));
}

}  // namespace

const Value* Fields::find(const std::string& key) const {
  const auto found = std::find_if(items_.begin(), items_.end(), [&](const auto& item) { return item.first == key; });
  return found == items_.end() ? nullptr : &found->second;
}

void Fields::set(const std::string& key, Value value) {
  const auto found = std::find_if(items_.begin(), items_.end(), [&](const auto& item) { return item.first == key; });
  if (found == items_.end()) items_.emplace_back(key, std::move(value));
  else found->second = std::move(value);
}

Value::Value(const std::vector<std::string>& texts) : data_(List(texts.begin(), texts.end())) {}

bool Value::boolean() const { return held<bool>(*this, "a boolean"); }

int64_t Value::integer() const { return held<int64_t>(*this, "an integer"); }

double Value::number() const {
  if (const auto* whole = std::get_if<int64_t>(&data_)) return static_cast<double>(*whole);
  return held<double>(*this, "a number");
}

const std::string& Value::text() const { return held<std::string>(*this, "a text"); }

std::vector<std::string> Value::texts() const {
  std::vector<std::string> result;
  for (const auto& item : held<List>(*this, "a list of texts")) result.push_back(held<std::string>(item, "a list of texts"));
  return result;
}

const List& Value::list() const { return held<List>(*this, "a list"); }

const Fields& Value::fields() const { return held<Fields>(*this, "an object"); }

}  // namespace peftlab
