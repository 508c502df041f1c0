// Attributes, elements and slices.
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "core/text/jinja/filters.h"
#include "core/text/jinja/python_text.h"

namespace peftlab::text::jinja {

namespace {

using Names = std::initializer_list<std::string_view>;

/// The public attributes of Python's types: those that call_method knows, and those that are refused rather than taken
/// for a missing one.
Names attributes_of(const Value& value) {
  static const Names kString = {
      "capitalize", "casefold",     "center",       "count",   "encode",     "endswith",    "expandtabs",
      "find",       "format",       "format_map",   "index",   "isalnum",    "isalpha",     "isascii",
      "isdecimal",  "isdigit",      "isidentifier", "islower", "isnumeric",  "isprintable", "isspace",
      "istitle",    "isupper",      "join",         "ljust",   "lower",      "lstrip",      "maketrans",
      "partition",  "removeprefix", "removesuffix", "replace", "rfind",      "rindex",      "rjust",
      "rpartition", "rsplit",       "rstrip",       "split",   "splitlines", "startswith",  "strip",
      "swapcase",   "title",        "translate",    "upper",   "zfill"};
  static const Names kList = {"append", "clear", "copy",   "count",   "extend", "index",
                              "insert", "pop",   "remove", "reverse", "sort"};
  static const Names kTuple = {"count", "index"};
  static const Names kDict = {"clear", "copy",    "fromkeys",   "get",    "items", "keys",
                              "pop",   "popitem", "setdefault", "update", "values"};
  static const Names kInteger = {"as_integer_ratio", "bit_count",  "bit_length", "conjugate",
                                 "denominator",      "from_bytes", "imag",       "is_integer",
                                 "numerator",        "real",       "to_bytes"};
  static const Names kReal = {"as_integer_ratio", "conjugate", "fromhex", "hex", "imag", "is_integer", "real"};
  static const Names kRange = {"count", "index", "start", "step", "stop"};
  static const Names kView = {"isdisjoint", "mapping"};
  static const Names kIterator = {"close", "gi_code", "gi_frame", "gi_running", "gi_yieldfrom", "send", "throw"};
  static const Names kFunction = {"arguments", "caller", "catch_kwargs", "catch_varargs", "explicit_caller", "name"};
  switch (value.kind()) {
    case Kind::string:
      return kString;
    case Kind::list:
      return kList;
    case Kind::tuple:
      return kTuple;
    case Kind::dict:
      return kDict;
    case Kind::boolean:
    case Kind::integer:
      return kInteger;
    case Kind::real:
      return kReal;
    case Kind::range:
      return kRange;
    case Kind::view:
      return kView;
    case Kind::iterator:
      return kIterator;
    case Kind::function:
      return kFunction;
    default:
      return {};
  }
}

/// What getattr(value, name) gives in the sandbox, or nothing where it raises AttributeError.
const Value* python_attribute(const Value& value, const std::string& name, Value& made) {
  if (value.is(Kind::space) || value.is(Kind::loop)) {
    if (const Value* field = value.space().fields.named(name)) return field;
    if (value.is(Kind::space) || name.substr(0, 1) != "_") return nullptr;
  }
  if (value.is(Kind::markup)) throw Failure("a text marked 'safe' can only be printed or joined with '~'");
  if (name.substr(0, 2) == "__") throw Failure("access to the attribute '" + name + "' is not allowed");
  const Names known = attributes_of(value);
  if (std::find(known.begin(), known.end(), name) == known.end()) return nullptr;
  made = Value::function({Function::Sort::method, name, value, 0});
  return &made;
}

Value missing(const Value& value, const std::string& what) {
  return Value::undefined(std::string("a value of type '") + value.type_name() + "' has no " + what);
}

/// Python's index for a sequence of `size`; -1 when it is out of range.
int64_t place(int64_t index, int64_t size) {
  if (index < 0) index += size;
  return index < 0 || index >= size ? -1 : index;
}

struct Bounds {
  int64_t begin, end, step;
};

int64_t bound(const Value* value, int64_t fallback, int64_t lowest, int64_t highest, int64_t size) {
  if (!value || value->is(Kind::none)) return fallback;
  require_defined(*value);
  if (!value->is_whole()) throw Failure("slice indices must be integers or none");
  int64_t index = value->whole();
  if (index < 0) index = index < -size ? lowest : index + size;
  return std::clamp(index, lowest, highest);
}

/// slice.indices() of Python.
Bounds bounds(const Value* begin, const Value* end, const Value* step, int64_t size) {
  if (step && !step->is(Kind::none)) require_defined(*step);
  if (step && !step->is(Kind::none) && !step->is_whole()) throw Failure("slice indices must be integers or none");
  const int64_t stride = step && !step->is(Kind::none) ? step->whole() : 1;
  if (stride == 0) throw Failure("slice step cannot be zero");
  const int64_t lowest = stride < 0 ? -1 : 0, highest = stride < 0 ? size - 1 : size;
  return {bound(begin, stride < 0 ? highest : lowest, lowest, highest, size),
          bound(end, stride < 0 ? lowest : highest, lowest, highest, size), stride};
}

template <typename Container>
Container sliced(const Container& all, const Bounds& range) {
  Container part;
  if (range.step > 0)
    for (int64_t i = range.begin; i < range.end;) {
      part.push_back(all[static_cast<size_t>(i)]);
      if (range.step >= range.end - i) break;
      i += range.step;
    }
  else
    for (int64_t i = range.begin; i > range.end;) {
      part.push_back(all[static_cast<size_t>(i)]);
      if (range.step <= range.end - i) break;
      i += range.step;
    }
  return part;
}

}  // namespace

Value attribute(const Value& value, const std::string& name) {
  require_defined(value);
  Value made;
  if (const Value* found = python_attribute(value, name, made)) return *found;
  if (value.is(Kind::dict))
    if (const Value* found = value.dict().named(name)) return *found;
  return missing(value, "attribute '" + name + "'");
}

Value item(const Value& value, const Value& key, Runtime& runtime) {
  require_defined(value);
  if (value.is(Kind::markup)) throw Failure("a text marked 'safe' can only be printed or joined with '~'");
  if (value.is(Kind::dict)) {
    runtime.budget.spend(1 + value.dict().entries.size() / 16 + key.extent().weight);
    if (const Value* found = is_hashable(key) ? value.dict().find(key) : nullptr) return *found;
  }
  if (key.is_whole() && (value.is(Kind::string) || (value.is_sequence() && !value.is(Kind::view)))) {
    const int64_t size = length_of(value);
    const int64_t at = place(key.whole(), size);
    if (at < 0) return missing(value, "element " + std::to_string(key.whole()));
    if (!value.is(Kind::string)) return value.items()[static_cast<size_t>(at)];
    runtime.budget.spend(1 + value.text().size() / 16);
    return encode(std::u32string(1, decode(value.text())[static_cast<size_t>(at)]));
  }
  if (key.is(Kind::string)) {
    Value made;
    if (const Value* found = python_attribute(value, key.text(), made)) return *found;
  }
  return missing(value, "element " + (key.is(Kind::undefined) ? "undefined" : repr(key, runtime.budget)));
}

Value slice(const Value& value, const Value* begin, const Value* end, const Value* step, Runtime& runtime) {
  require_defined(value);
  if (value.is(Kind::string)) {
    runtime.budget.make(value.text().size() * sizeof(char32_t));
    const std::u32string points = decode(value.text());
    return encode(sliced(points, bounds(begin, end, step, static_cast<int64_t>(points.size()))));
  }
  if (value.is(Kind::list) || value.is(Kind::tuple) || value.is(Kind::range)) {
    runtime.budget.make(value.items().size() * sizeof(Value));
    return Value::sequence(value.kind(), sliced(value.items(), bounds(begin, end, step, length_of(value))));
  }
  if (value.is(Kind::markup)) throw Failure("a text marked 'safe' can only be printed or joined with '~'");
  return missing(value, "slices");
}

}  // namespace peftlab::text::jinja
