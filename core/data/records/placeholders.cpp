#include "core/data/records/placeholders.h"

#include <algorithm>

namespace peftlab::data {
namespace {

using io::Json;

/// Calls `literal` for text and `field` for placeholders, in order; returns what is wrong, or "".
template <typename Literal, typename Field>
std::string walk(std::string_view text, Literal literal, Field field) {
  for (size_t at = 0; at < text.size();) {
    const std::string_view two = text.substr(at, 2);
    if (two == "{{" || two == "}}") {
      literal(text.substr(at, 1));
      at += 2;
    } else if (text[at] == '}') {
      return "a '}' without its '{'; a brace itself is written '}}'";
    } else if (text[at] == '{') {
      const size_t end = text.find('}', at);
      if (end == std::string_view::npos) return "a '{' that is never closed; a brace itself is written '{{'";
      const std::string_view name = text.substr(at + 1, end - at - 1);
      if (name.empty() || name.find('{') != std::string_view::npos) {
        return "'" + std::string(text.substr(at, end + 1 - at)) + "' names no field; a brace itself is written '{{'";
      }
      field(std::string(name));
      at = end + 1;
    } else {
      const size_t end = std::min(text.find_first_of("{}", at), text.size());
      literal(text.substr(at, end - at));
      at = end;
    }
  }
  return "";
}

std::string separated(const Json& value, char open, char close) {
  std::string result(1, open);
  for (const auto& [key, inner] : value.items()) {
    if (result.size() > 1) result += ", ";
    if (value.is_object()) result += Json(key).dump() + ": ";
    result += dump_like_python(inner);
  }
  return result + close;
}

}  // namespace

std::string template_mistake(std::string_view text) {
  return walk(text, [](std::string_view) {}, [](const std::string&) {});
}

std::vector<std::string> placeholders_of(std::string_view text) {
  std::vector<std::string> names;
  walk(text, [](std::string_view) {}, [&](const std::string& name) { names.push_back(name); });
  return names;
}

std::string fill(std::string_view text, const Lookup& lookup) {
  std::string result;
  walk(text, [&](std::string_view piece) { result += piece; },
       [&](const std::string& name) { result += text_of(lookup(name)); });
  return result;
}

Json fill_json(const Json& value, const Lookup& lookup) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    const auto names = placeholders_of(text);
    if (names.size() == 1 && text == "{" + names[0] + "}") return lookup(names[0]);
    return fill(text, lookup);
  }
  Json result = value;
  if (value.is_structured()) {
    for (auto& inner : result) inner = fill_json(inner, lookup);
  }
  return result;
}

std::string dump_like_python(const Json& value) {
  if (value.is_object()) return separated(value, '{', '}');
  if (value.is_array()) return separated(value, '[', ']');
  return value.dump();
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : dump_like_python(value); }

}  // namespace peftlab::data
