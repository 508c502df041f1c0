// The methods of str.
#include <utf8proc.h>

#include <functional>
#include <map>
#include <optional>

#include "core/text/jinja/filters.h"
#include "core/text/jinja/python_text.h"

namespace peftlab::text::jinja {

namespace {

using Method = std::function<Value(const Value&, Arguments&, Runtime&)>;

std::optional<std::string> optional_text(const Value* value, const Arguments& arguments) {
  if (!value || value->is(Kind::none)) return {};
  return strict_text(*value, arguments.callee());
}

Method strips(Side side) {
  return [side](const Value& self, Arguments& arguments, Runtime&) -> Value {
    const auto set = optional_text(arguments.next(""), arguments);
    arguments.finish();
    return strip(self.text(), side, set ? std::optional<std::string_view>(*set) : std::nullopt);
  };
}

Method splits(bool from_right) {
  return [from_right](const Value& self, Arguments& arguments, Runtime& runtime) -> Value {
    const auto separator = optional_text(arguments.next("sep"), arguments);
    const int64_t limit = arguments.whole("maxsplit", -1);
    arguments.finish();
    runtime.budget.make(self.text().size() * 2);
    List parts;
    for (const auto part :
         split(self.text(), separator ? std::optional<std::string_view>(*separator) : std::nullopt, limit, from_right))
      parts.emplace_back(part);
    runtime.budget.make(parts.size() * sizeof(Value));
    return Value::list(std::move(parts));
  };
}

/// str.startswith and str.endswith, of one text or of any in a tuple.
Method has_at(Side side) {
  return [side](const Value& self, Arguments& arguments, Runtime&) -> Value {
    const Value what = arguments.need("");
    arguments.finish();
    const std::string& text = self.text();
    for (const Value& one : what.is(Kind::tuple) ? what.items() : List{what}) {
      const std::string& part = strict_text(one, arguments.callee());
      const size_t at = side == Side::left ? 0 : text.size() - std::min(text.size(), part.size());
      if (part.size() <= text.size() && text.compare(at, part.size(), part) == 0) return true;
    }
    return false;
  };
}

/// str.find, rfind, index and rindex, without bounds.
Method finds(bool last, bool must) {
  return [last, must](const Value& self, Arguments& arguments, Runtime& runtime) -> Value {
    const std::string part = arguments.text("");
    arguments.finish();
    runtime.budget.spend(1 + self.text().size() / 64);
    const size_t at = last ? self.text().rfind(part) : self.text().find(part);
    if (at != std::string::npos) return static_cast<int64_t>(length(std::string_view(self.text()).substr(0, at)));
    if (must) throw Failure(arguments.callee() + ": substring not found");
    return int64_t{-1};
  };
}

Method maps(std::string (*map)(std::string_view)) {
  return [map](const Value& self, Arguments& arguments, Runtime& runtime) -> Value {
    arguments.finish();
    runtime.budget.make(self.text().size() * 4);
    return map(self.text());
  };
}

Method removes(Side side) {
  return [side](const Value& self, Arguments& arguments, Runtime&) -> Value {
    const std::string part = arguments.text("");
    arguments.finish();
    const std::string& text = self.text();
    if (part.size() > text.size()) return self;
    const size_t at = side == Side::left ? 0 : text.size() - part.size();
    if (text.compare(at, part.size(), part) != 0) return self;
    return side == Side::left ? text.substr(part.size()) : text.substr(0, at);
  };
}

Method pads(Side side) {
  return [side](const Value& self, Arguments& arguments, Runtime& runtime) -> Value {
    const int64_t width = arguments.whole("", 0);
    const auto fill = optional_text(arguments.next(""), arguments).value_or(" ");
    arguments.finish();
    if (length(fill) != 1) throw Failure(arguments.callee() + ": the fill character must be one character long");
    const int64_t missing = width - static_cast<int64_t>(length(self.text()));
    if (missing <= 0) return self;
    const Value padding = arithmetic("*", fill, missing, runtime);
    return side == Side::left ? self.text() + padding.text() : padding.text() + self.text();
  };
}

/// All characters are of the class, and there is one.
Method asks(bool (*is)(char32_t)) {
  return [is](const Value& self, Arguments& arguments, Runtime& runtime) -> Value {
    arguments.finish();
    runtime.budget.make(self.text().size() * 4);
    for (const char32_t point : decode(self.text()))
      if (!is(point)) return false;
    return !self.text().empty();
  };
}

bool is_digit(char32_t point) {
  if (point < 0x80) return point >= '0' && point <= '9';
  if (is_letter(point) || is_space(point)) return false;
  throw Failure("digits that are not ASCII are not supported");
}

enum class Case { none, upper, lower, other };

Case case_of(char32_t point) {
  if (point < 0x80 && !is_letter(point)) return Case::none;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(point))) {
    case UTF8PROC_CATEGORY_LU:
      return Case::upper;
    case UTF8PROC_CATEGORY_LL:
      return Case::lower;
    case UTF8PROC_CATEGORY_LT:
      return Case::other;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_NL:
      break;
    default:
      if (point != 0xaa && point != 0xba && (point < 0x24b6 || point > 0x24e9)) return Case::none;
  }
  throw Failure("asking for the case of letters that have none of their own is not supported");
}

/// str.isupper and islower: no character of another case, and one that has this.
Method has_case(Case wanted) {
  return [wanted](const Value& self, Arguments& arguments, Runtime& runtime) -> Value {
    arguments.finish();
    runtime.budget.make(self.text().size() * 4);
    bool found = false;
    for (const char32_t point : decode(self.text())) {
      const Case its = case_of(point);
      if (its != Case::none && its != wanted) return false;
      found = found || its == wanted;
    }
    return found;
  };
}

Value replace_in(const Value& self, Arguments& arguments, Runtime& runtime) {
  const std::string old = arguments.text(""), by = arguments.text("");
  const int64_t limit = arguments.whole("count", -1);
  arguments.finish();
  std::string result = replace(self.text(), old, by, limit, runtime.budget.max_bytes());
  runtime.budget.make(self.text().size() + result.size());
  return result;
}

Value join_with(const Value& self, Arguments& arguments, Runtime& runtime) {
  const Value& parts = arguments.need("");
  arguments.finish();
  std::string result;
  bool first = true;
  for (const Value& part : elements(parts, runtime.budget)) {
    if (!first) result += self.text();
    result += strict_text(part, arguments.callee());
    first = false;
    runtime.budget.make(result.size());
    if (result.size() > runtime.budget.max_bytes()) break;
  }
  return result;
}

Method partitions(bool last) {
  return [last](const Value& self, Arguments& arguments, Runtime&) -> Value {
    const std::string part = arguments.text("");
    arguments.finish();
    if (part.empty()) throw Failure(arguments.callee() + ": empty separator");
    const std::string& text = self.text();
    const size_t at = last ? text.rfind(part) : text.find(part);
    if (at == std::string::npos) return Value::tuple(last ? List{"", "", self} : List{self, "", ""});
    return Value::tuple({text.substr(0, at), part, text.substr(at + part.size())});
  };
}

Value lines_of(const Value& self, Arguments& arguments, Runtime& runtime) {
  const bool keep = arguments.flag("keepends", false);
  arguments.finish();
  List lines;
  for (const auto line : split_lines(self.text(), keep)) lines.emplace_back(line);
  runtime.budget.make(self.text().size() + lines.size() * sizeof(Value));
  return Value::list(std::move(lines));
}

Value count_in_text(const Value& self, Arguments& arguments, Runtime& runtime) {
  const std::string part = arguments.text("");
  arguments.finish();
  runtime.budget.spend(1 + self.text().size() / 64);
  return static_cast<int64_t>(count(self.text(), part));
}

const std::map<std::string, Method, std::less<>>& text_methods() {
  static const std::map<std::string, Method, std::less<>> kMethods = {
      {"strip", strips(Side::both)},
      {"lstrip", strips(Side::left)},
      {"rstrip", strips(Side::right)},
      {"split", splits(false)},
      {"rsplit", splits(true)},
      {"splitlines", lines_of},
      {"startswith", has_at(Side::left)},
      {"endswith", has_at(Side::right)},
      {"find", finds(false, false)},
      {"rfind", finds(true, false)},
      {"index", finds(false, true)},
      {"rindex", finds(true, true)},
      {"upper", maps(upper)},
      {"lower", maps(lower)},
      {"title", maps(title)},
      {"capitalize", maps(capitalize)},
      {"removeprefix", removes(Side::left)},
      {"removesuffix", removes(Side::right)},
      {"ljust", pads(Side::left)},
      {"rjust", pads(Side::right)},
      {"isspace", asks(is_space)},
      {"isalpha", asks(is_letter)},
      {"isdigit", asks(is_digit)},
      {"isdecimal", asks(is_digit)},
      {"isnumeric", asks(is_digit)},
      {"isupper", has_case(Case::upper)},
      {"islower", has_case(Case::lower)},
      {"replace", replace_in},
      {"join", join_with},
      {"partition", partitions(false)},
      {"rpartition", partitions(true)},
      {"count", count_in_text},
      {"isalnum", asks([](char32_t p) { return is_letter(p) || is_digit(p); })},
      {"isascii", [](const Value& self, Arguments& arguments, Runtime&) -> Value {
         arguments.finish();
         return length(self.text()) == self.text().size();
       }}};
  return kMethods;
}

}  // namespace

Value call_text_method(const Value& receiver, const std::string& name, Arguments& arguments, Runtime& runtime) {
  const auto method = text_methods().find(name);
  if (method == text_methods().end()) throw Failure("the method '" + name + "' of a str is not supported");
  return method->second(receiver, arguments, runtime);
}

}  // namespace peftlab::text::jinja
