// Filters on texts and single values.
#include <charconv>
#include <cmath>

#include "core/text/jinja/filter_table.h"
#include "core/text/jinja/python_text.h"

namespace peftlab::text::jinja {

namespace {

Filter maps(std::string (*map)(std::string_view)) {
  return [map](const Value& value, Arguments& arguments, Runtime& runtime) -> Value {
    arguments.finish();
    const std::string text = soft_text(value, runtime);
    runtime.budget.make(text.size() * 4);
    return map(text);
  };
}

/// Jinja's own `title`: words begin behind - ( { [ < and white space.
std::string title_filter(std::string_view text) {
  std::string result, word;
  bool first = true;
  for (const char32_t point : decode(text)) {
    const bool breaks = is_space(point) || std::u32string_view(U"-({[<").find(point) != std::u32string_view::npos;
    const std::string one = encode(std::u32string(1, point));
    result += breaks ? one : first ? upper(one) : lower(one);
    first = breaks;
  }
  return result;
}

Value trim(const Value& value, Arguments& arguments, Runtime& runtime) {
  const Value* set = arguments.next("chars");
  const bool given = set && !set->is(Kind::none);
  const std::string characters = given ? strict_text(*set, arguments.callee()) : "";
  arguments.finish();
  const std::string text = soft_text(value, runtime);
  return strip(text, Side::both, given ? std::optional<std::string_view>(characters) : std::nullopt);
}

Value replace_filter(const Value& value, Arguments& arguments, Runtime& runtime) {
  const std::string old = soft_text(arguments.need("old"), runtime), by = soft_text(arguments.need("new"), runtime);
  const Value* count = arguments.next("count");
  if (count && !count->is(Kind::none) && !count->is_whole())
    throw Failure("replace: the argument 'count' must be an integer");
  const int64_t limit = count && count->is_whole() ? count->whole() : -1;
  arguments.finish();
  const std::string text = soft_text(value, runtime);
  std::string result = replace(text, old, by, limit, runtime.budget.max_bytes());
  runtime.budget.make(text.size() + result.size());
  return result;
}

Value indent(const Value& value, Arguments& arguments, Runtime& runtime) {
  const Value* width = arguments.next("width");
  const bool first = arguments.flag("first", false), blank = arguments.flag("blank", false);
  arguments.finish();
  const Value four = int64_t{4};
  const Value& by = width ? *width : four;
  const std::string margin = by.is(Kind::string) ? by.text() : arithmetic("*", " ", by, runtime).text();
  const std::string text = strict_text(value, "indent") + "\n";
  const auto lines = split_lines(text, /*keep_ends=*/false);
  runtime.budget.make(text.size() + lines.size() * margin.size());
  std::string result = first ? margin : "";
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i) result += "\n";
    if (i && (blank || !lines[i].empty())) result += margin;
    result += lines[i];
  }
  return result;
}

Value string_filter(const Value& value, Arguments& arguments, Runtime& runtime) {
  arguments.finish();
  return value.is(Kind::markup) ? value : Value(to_text(value, runtime.budget));
}

Value safe(const Value& value, Arguments& arguments, Runtime& runtime) {
  arguments.finish();
  return Value::markup(to_text(value, runtime.budget));
}

Value fallback(const Value& value, Arguments& arguments, Runtime&) {
  const Value* other = arguments.next("default_value");
  const bool falsy_too = arguments.flag("boolean", false);
  arguments.finish();
  if (!value.is(Kind::undefined) && (!falsy_too || value.truth())) return value;
  return other ? *other : Value("");
}

/// A number as float() reads it, or nothing. `whole`: as int() reads it.
template <typename Number>
std::optional<Number> parsed(std::string_view text) {
  text = strip(text, Side::both);
  if (text.find('_') != text.npos) throw Failure("numbers with '_' are not supported");
  if (text.size() > 1 && text[0] == '+' && text[1] != '-' && text[1] != '+') text.remove_prefix(1);
  Number number{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec == std::errc::result_out_of_range && result.ptr == text.data() + text.size())
    throw Failure("the number " + std::string(text) + " is out of range");
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return {};
  return number;
}

Value whole_of(double number, const Value& otherwise) {
  if (!std::isfinite(number)) return otherwise;
  if (number >= 0x1p63 || number < -0x1p63) throw Failure("int: an integer of more than 64 bits");
  return static_cast<int64_t>(number);
}

Value to_integer(const Value& value, Arguments& arguments, Runtime&) {
  const Value* given = arguments.next("default");
  const Value otherwise = given ? *given : Value(int64_t{0});
  if (arguments.whole("base", 10) != 10) throw Failure("int: other bases than 10 are not supported");
  arguments.finish();
  require_defined(value);
  if (value.is_whole()) return value.whole();
  if (value.is(Kind::real)) {
    if (std::isinf(value.number())) throw Failure("int: infinity cannot be an integer");
    return whole_of(value.number(), otherwise);
  }
  if (!value.is(Kind::string)) return otherwise;
  if (const auto whole = parsed<int64_t>(value.text())) return *whole;
  const auto real = parsed<double>(value.text());
  return real ? whole_of(*real, otherwise) : otherwise;
}

Value to_float(const Value& value, Arguments& arguments, Runtime&) {
  const Value* given = arguments.next("default");
  const Value otherwise = given ? *given : Value(0.0);
  arguments.finish();
  require_defined(value);
  if (value.is_number()) return value.number();
  if (!value.is(Kind::string)) return otherwise;
  const auto real = parsed<double>(value.text());
  return real ? Value(*real) : otherwise;
}

Value absolute(const Value& value, Arguments& arguments, Runtime&) {
  arguments.finish();
  require_defined(value);
  if (!value.is_number())
    throw Failure(std::string("abs: not defined for a value of type '") + value.type_name() + "'");
  if (value.is(Kind::real)) return std::fabs(value.number());
  return value.whole() < 0 ? negative(value) : Value(value.whole());
}

/// Python's round() of a float: correctly rounded from its exact decimal value, halves to even.
double rounded(double number, int64_t digits) {
  if (!std::isfinite(number) || digits > 22) return number;
  char text[400];
  const auto end =
      std::to_chars(text, text + sizeof text, number, std::chars_format::fixed, static_cast<int>(digits)).ptr;
  double result = 0;
  std::from_chars(text, end, result);
  return result;
}

Value round_filter(const Value& value, Arguments& arguments, Runtime&) {
  const int64_t digits = arguments.whole("precision", 0);
  const Value* given = arguments.next("method");
  const std::string method = given ? strict_text(*given, "round") : "common";
  arguments.finish();
  require_defined(value);
  if (!value.is_number())
    throw Failure(std::string("round: not defined for a value of type '") + value.type_name() + "'");
  if (digits < 0 || digits > 15) throw Failure("round: a precision below 0 or above 15 is not supported");
  if (method == "common") return value.is(Kind::real) ? Value(rounded(value.number(), digits)) : Value(value.whole());
  if (method != "ceil" && method != "floor") throw Failure("round: the method must be common, ceil or floor");
  const double scale = std::pow(10.0, static_cast<double>(digits));
  const double scaled = value.number() * scale;
  return (method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale + 0.0;  // Python's ceil knows no -0
}

Value json_filter(const Value& value, Arguments& arguments, Runtime& runtime) {
  JsonStyle style;
  style.ensure_ascii = arguments.flag("ensure_ascii", false);
  const Value* indent = arguments.next("indent");
  const Value* separators = arguments.next("separators");
  style.sort_keys = arguments.flag("sort_keys", false);
  arguments.finish();
  if (indent && !indent->is(Kind::none)) {
    style.multiline = true;
    style.item_separator = ",";
    const bool text = indent->is(Kind::string);
    if (!text && !indent->is_whole()) throw Failure("tojson: 'indent' must be an integer or a str");
    style.indent = text ? indent->text() : arithmetic("*", " ", *indent, runtime).text();
  }
  if (separators && !separators->is(Kind::none)) {
    if (!separators->is_sequence() || separators->items().size() != 2)
      throw Failure("tojson: 'separators' must be two texts");
    style.item_separator = strict_text(separators->items()[0], "tojson");
    style.key_separator = strict_text(separators->items()[1], "tojson");
  }
  return to_json(value, style, runtime.budget);
}

Value length_filter(const Value& value, Arguments& arguments, Runtime&) {
  arguments.finish();
  return length_of(value);
}

Value attribute_filter(const Value& value, Arguments& arguments, Runtime&) {
  const std::string name = arguments.text("name");
  arguments.finish();
  require_defined(value);
  if (value.is(Kind::dict)) {
    const Value found = attribute(Value::dict({}), name);  // a method, never an entry
    return found.is(Kind::undefined) ? found : attribute(value, name);
  }
  return attribute(value, name);
}

}  // namespace

void add_value_filters(FilterTable& table) {
  table.insert({{"upper", maps(upper)},
                {"lower", maps(lower)},
                {"capitalize", maps(capitalize)},
                {"title", maps(title_filter)},
                {"trim", trim},
                {"replace", replace_filter},
                {"indent", indent},
                {"string", string_filter},
                {"safe", safe},
                {"default", fallback},
                {"d", fallback},
                {"int", to_integer},
                {"float", to_float},
                {"abs", absolute},
                {"round", round_filter},
                {"tojson", json_filter},
                {"length", length_filter},
                {"count", length_filter},
                {"attr", attribute_filter}});
}

}  // namespace peftlab::text::jinja
