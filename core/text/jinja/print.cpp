// str(), repr() and json.dumps().
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/text/jinja/python_text.h"
#include "core/text/jinja/value.h"

namespace peftlab::text::jinja {

namespace {

/// A text that is charged for as it grows.
class Output {
 public:
  explicit Output(Budget& budget) : budget_(budget) {}
  void put(std::string_view part) {
    budget_.spend(1 + part.size() / 64);
    if (part.size() > budget_.max_bytes() - text_.size()) budget_.make(budget_.max_bytes() + 1);
    text_.append(part);
  }
  std::string take() { return std::move(text_); }

 private:
  Budget& budget_;
  std::string text_;
};

void put_repr(const Value& value, Output& out);

void put_items(const List& items, Output& out) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i) out.put(", ");
    put_repr(items[i], out);
  }
}

void put_dict(const Dict& dict, Output& out) {
  out.put("{");
  for (size_t i = 0; i < dict.entries.size(); ++i) {
    if (i) out.put(", ");
    put_repr(dict.entries[i].first, out);
    out.put(": ");
    put_repr(dict.entries[i].second, out);
  }
  out.put("}");
}

void put_repr(const Value& value, Output& out) {
  switch (value.kind()) {
    case Kind::undefined:
      return out.put("Undefined");
    case Kind::none:
      return out.put("None");
    case Kind::boolean:
      return out.put(value.whole() ? "True" : "False");
    case Kind::integer:
      return out.put(std::to_string(value.whole()));
    case Kind::real:
      return out.put(float_text(value.number()));
    case Kind::string:
      return out.put(python_quoted(value.text()));
    case Kind::list:
      out.put("[");
      put_items(value.items(), out);
      return out.put("]");
    case Kind::tuple:
      out.put("(");
      put_items(value.items(), out);
      return out.put(value.items().size() == 1 ? ",)" : ")");
    case Kind::dict:
      return put_dict(value.dict(), out);
    default:
      throw Failure(std::string("printing a value of type '") + value.type_name() + "' is not supported");
  }
}

std::string json_string(const std::string& text, bool ensure_ascii) {
  std::string result = "\"";
  char escape[16];
  const auto escaped = [&](unsigned unit) {
    std::snprintf(escape, sizeof escape, "\\u%04x", unit);
    result += escape;
  };
  for (const char32_t p : decode(text)) {
    static constexpr std::u32string_view kNamed = U"\"\\\n\r\t\b\f";
    const size_t named = kNamed.find(p);
    if (named != kNamed.npos) {
      result += '\\';
      result += "\"\\nrtbf"[named];
    } else if (p < 0x20 || (ensure_ascii && p > 0x7e && p < 0x10000)) {
      escaped(static_cast<unsigned>(p));
    } else if (ensure_ascii && p >= 0x10000) {
      escaped(static_cast<unsigned>(0xd800 + ((p - 0x10000) >> 10)));
      escaped(static_cast<unsigned>(0xdc00 + ((p - 0x10000) & 0x3ff)));
    } else {
      append(result, p);
    }
  }
  return result += '"';
}

class JsonWriter {
 public:
  JsonWriter(const JsonStyle& style, Output& out) : style_(style), out_(out) {}

  void put(const Value& value, size_t level) {
    switch (value.kind()) {
      case Kind::string:
      case Kind::markup:
        return out_.put(json_string(value.text(), style_.ensure_ascii));
      case Kind::list:
      case Kind::tuple:
        return put_list(value.items(), level);
      case Kind::dict:
        return put_dict(value.dict(), level);
      default:
        out_.put(scalar(value));
    }
  }

 private:
  static std::string scalar(const Value& value) {
    switch (value.kind()) {
      case Kind::none:
        return "null";
      case Kind::boolean:
        return value.whole() ? "true" : "false";
      case Kind::integer:
        return std::to_string(value.whole());
      case Kind::real:
        if (std::isnan(value.number())) return "NaN";
        if (std::isinf(value.number())) return value.number() > 0 ? "Infinity" : "-Infinity";
        return float_text(value.number());
      default:
        throw Failure(std::string("tojson: a value of type '") + value.type_name() + "' is not JSON serializable");
    }
  }

  void new_line(size_t level) {
    if (!style_.multiline) return;
    out_.put("\n");
    for (size_t i = 0; i < level; ++i) out_.put(style_.indent);
  }

  void put_list(const List& items, size_t level) {
    if (items.empty()) return out_.put("[]");
    out_.put("[");
    for (size_t i = 0; i < items.size(); ++i) {
      if (i) out_.put(style_.item_separator);
      new_line(level + 1);
      put(items[i], level + 1);
    }
    new_line(level);
    out_.put("]");
  }

  void put_dict(const Dict& dict, size_t level) {
    if (dict.entries.empty()) return out_.put("{}");
    auto entries = dict.entries;
    if (style_.sort_keys)
      std::stable_sort(entries.begin(), entries.end(),
                       [](const auto& a, const auto& b) { return compare(a.first, b.first) == -1; });
    out_.put("{");
    for (size_t i = 0; i < entries.size(); ++i) {
      if (i) out_.put(style_.item_separator);
      new_line(level + 1);
      const Value& key = entries[i].first;
      if (!key.is(Kind::string) && !key.is_number() && !key.is(Kind::none))
        throw Failure(std::string("tojson: a key of type '") + key.type_name() + "' is not JSON serializable");
      out_.put(json_string(key.is(Kind::string) ? key.text() : scalar(key), style_.ensure_ascii));
      out_.put(style_.key_separator);
      put(entries[i].second, level + 1);
    }
    new_line(level);
    out_.put("}");
  }

  const JsonStyle& style_;
  Output& out_;
};

}  // namespace

std::string repr(const Value& value, Budget& budget) {
  Output out(budget);
  put_repr(value, out);
  return out.take();
}

std::string to_text(const Value& value, Budget& budget) {
  if (value.is(Kind::undefined)) return "";
  if (value.is(Kind::string) || value.is(Kind::markup)) {
    budget.make(value.text().size());
    return value.text();
  }
  return repr(value, budget);
}

std::string to_json(const Value& value, const JsonStyle& style, Budget& budget) {
  Output out(budget);
  JsonWriter(style, out).put(value, 0);
  return out.take();
}

}  // namespace peftlab::text::jinja
