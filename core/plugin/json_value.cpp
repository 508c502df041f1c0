#include "core/plugin/json_value.h"

#include <limits>

namespace peftlab::plugin {
namespace {

struct ToJson {
  io::Json operator()(const List& list) const {
    io::Json json = io::Json::array();
    for (const auto& item : list) json.push_back(to_json(item));
    return json;
  }
  io::Json operator()(const Fields& fields) const { return to_json(fields); }
  template <typename T>
  io::Json operator()(const T& plain) const {
    return io::Json(plain);
  }
};

}  // namespace

io::Json to_json(const Value& value) { return std::visit(ToJson{}, value.data()); }

io::Json to_json(const Fields& fields) {
  io::Json json = io::Json::object();
  for (const auto& [key, value] : fields.items()) json[key] = to_json(value);
  return json;
}

Value to_value(const io::Json& json) {
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_unsigned() && json.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return json.get<double>();
  }
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number_float()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  if (json.is_object()) return to_fields(json);
  if (!json.is_array()) return nullptr;
  List list;
  for (const auto& item : json) list.push_back(to_value(item));
  return list;
}

Fields to_fields(const io::Json& json) {
  Fields fields;
  for (const auto& [key, value] : json.items()) fields.set(key, to_value(value));
  return fields;
}

}  // namespace peftlab::plugin
