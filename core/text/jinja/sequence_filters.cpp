// Filters on sequences and dicts. Those that are generators in Jinja give iterators: always true, without a length,
// good for one walk.
#include <algorithm>

#include "core/text/jinja/filter_table.h"
#include "core/text/jinja/python_text.h"

namespace peftlab::text::jinja {

namespace {

/// "a.b.0" or an index, looked up step by step (Jinja's make_attrgetter).
class Path {
 public:
  explicit Path(const Value* attribute) {
    if (!attribute || attribute->is(Kind::none)) return;
    if (!attribute->is(Kind::string)) {
      parts_.push_back(*attribute);
      return;
    }
    for (const auto part : split(attribute->text(), ".", -1)) {
      const bool digits = !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == part.npos;
      parts_.push_back(digits ? Value(static_cast<int64_t>(std::stoll(std::string(part)))) : Value(part));
    }
  }
  Value of(Value value, Runtime& runtime) const {
    for (const Value& part : parts_) value = item(value, part, runtime);
    return value;
  }

 private:
  List parts_;
};

Value without_case(const Value& value, bool case_sensitive) {
  return !case_sensitive && value.is(Kind::string) ? Value(lower(value.text())) : value;
}

void sort_by(std::vector<std::pair<Value, Value>>& keyed, bool reverse, Runtime& runtime) {
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    runtime.budget.spend(1 + std::min(a.first.extent().weight, b.first.extent().weight));
    const int order = compare(a.first, b.first);
    if (order == 2) throw Failure("NaN cannot be sorted");
    return reverse ? order > 0 : order < 0;
  });
}

List second_of(std::vector<std::pair<Value, Value>> keyed) {
  List items;
  for (auto& entry : keyed) items.push_back(std::move(entry.second));
  return items;
}

Value sort_filter(const Value& value, Arguments& arguments, Runtime& runtime) {
  const bool reverse = arguments.flag("reverse", false), case_sensitive = arguments.flag("case_sensitive", false);
  const Value* attribute = arguments.next("attribute");
  arguments.finish();
  std::vector<Path> paths;
  if (attribute && attribute->is(Kind::string))
    for (const auto part : split(attribute->text(), ",", -1)) {
      const Value name(part);
      paths.emplace_back(&name);
    }
  else
    paths.emplace_back(attribute);
  std::vector<std::pair<Value, Value>> keyed;
  for (const Value& element : elements(value, runtime.budget)) {
    List key;
    for (const Path& path : paths) key.push_back(without_case(path.of(element, runtime), case_sensitive));
    keyed.emplace_back(Value::list(std::move(key)), element);
  }
  sort_by(keyed, reverse, runtime);
  return Value::list(second_of(std::move(keyed)));
}

Value dictsort(const Value& value, Arguments& arguments, Runtime& runtime) {
  const bool case_sensitive = arguments.flag("case_sensitive", false);
  const Value* by = arguments.next("by");
  const std::string which = by ? strict_text(*by, "dictsort") : "key";
  const bool reverse = arguments.flag("reverse", false);
  arguments.finish();
  require_defined(value);
  if (!value.is(Kind::dict)) throw Failure(std::string("dictsort: expected a dict, got '") + value.type_name() + "'");
  if (which != "key" && which != "value") throw Failure("dictsort: 'by' must be \"key\" or \"value\"");
  std::vector<std::pair<Value, Value>> keyed;
  for (const auto& [key, entry] : value.dict().entries)
    keyed.emplace_back(without_case(which == "key" ? key : entry, case_sensitive), Value::tuple({key, entry}));
  sort_by(keyed, reverse, runtime);
  return Value::list(second_of(std::move(keyed)));
}

Value items_filter(const Value& value, Arguments& arguments, Runtime& runtime) {
  arguments.finish();
  runtime.budget.spend();
  List items;
  if (value.is(Kind::undefined)) return Value::iterator({});
  if (!value.is(Kind::dict)) throw Failure(std::string("items: expected a dict, got '") + value.type_name() + "'");
  for (const auto& [key, entry] : value.dict().entries) items.push_back(Value::tuple({key, entry}));
  return Value::iterator(std::move(items));
}

Value join(const Value& value, Arguments& arguments, Runtime& runtime) {
  const Value* separator = arguments.next("d");
  const std::string between = separator ? soft_text(*separator, runtime) : "";
  const Path path(arguments.next("attribute"));
  arguments.finish();
  std::string result;
  bool first = true;
  for (const Value& element : elements(value, runtime.budget)) {
    const std::string part = soft_text(path.of(element, runtime), runtime);
    if (!first) result += between;
    result += part;
    first = false;
    if (result.size() > runtime.budget.max_bytes()) break;
  }
  runtime.budget.make(result.size());
  return result;
}

Value first(const Value& value, Arguments& arguments, Runtime& runtime) {
  arguments.finish();
  if (value.is(Kind::iterator)) {
    Iterator& walk = value.walk();
    if (walk.next < walk.items.size()) return walk.items[walk.next++];
  } else {
    const List all = elements(value, runtime.budget);
    if (!all.empty()) return all.front();
  }
  return Value::undefined("there is no first element: the sequence is empty");
}

Value last(const Value& value, Arguments& arguments, Runtime& runtime) {
  arguments.finish();
  if (value.is(Kind::iterator)) throw Failure("last: a generator cannot be walked backwards; make it a list");
  const List all = elements(value, runtime.budget);
  return all.empty() ? Value::undefined("there is no last element: the sequence is empty") : all.back();
}

Value list_filter(const Value& value, Arguments& arguments, Runtime& runtime) {
  arguments.finish();
  return Value::list(elements(value, runtime.budget));
}

Value reverse(const Value& value, Arguments& arguments, Runtime& runtime) {
  arguments.finish();
  List all = elements(value, runtime.budget);
  std::reverse(all.begin(), all.end());
  if (value.is(Kind::iterator)) return Value::list(std::move(all));
  if (!value.is(Kind::string)) return Value::iterator(std::move(all));
  std::string text;
  for (const Value& one : all) text += one.text();
  return text;
}

Value sum(const Value& value, Arguments& arguments, Runtime& runtime) {
  const Path path(arguments.next("attribute"));
  const Value* start = arguments.next("start");
  arguments.finish();
  Value total = start ? *start : Value(int64_t{0});
  if (total.is(Kind::string)) throw Failure("sum: texts cannot be summed; join them");
  for (const Value& element : elements(value, runtime.budget)) {
    const Value one = path.of(element, runtime);
    if (total.is(Kind::real) || one.is(Kind::real)) throw Failure("sum: floats are not supported");
    total = arithmetic("+", total, one, runtime);
  }
  return total;
}

Value unique(const Value& value, Arguments& arguments, Runtime& runtime) {
  const bool case_sensitive = arguments.flag("case_sensitive", false);
  const Path path(arguments.next("attribute"));
  arguments.finish();
  Dict seen;
  List kept;
  for (const Value& element : elements(value, runtime.budget)) {
    const Value key = without_case(path.of(element, runtime), case_sensitive);
    runtime.budget.spend(1 + seen.entries.size() + key.extent().weight);
    if (seen.find(key)) continue;
    seen.entries.emplace_back(key, Value());
    kept.push_back(element);
  }
  return Value::iterator(std::move(kept));
}

Filter extreme(bool largest) {
  return [largest](const Value& value, Arguments& arguments, Runtime& runtime) -> Value {
    const bool case_sensitive = arguments.flag("case_sensitive", false);
    const Path path(arguments.next("attribute"));
    arguments.finish();
    Value best, best_key;
    bool any = false;
    for (const Value& element : elements(value, runtime.budget)) {
      const Value key = without_case(path.of(element, runtime), case_sensitive);
      runtime.budget.spend(key.extent().weight);
      if (any && compare(key, best_key) != (largest ? 1 : -1)) continue;
      best = element;
      best_key = key;
      any = true;
    }
    return any ? best : Value::undefined("there is no extreme element: the sequence is empty");
  };
}

Arguments copied(const std::string& callee, const List& positional,
                 const std::vector<std::pair<std::string, Value>>& named) {
  Arguments copy(callee);
  for (const Value& value : positional) copy.add(value);
  for (const auto& [name, value] : named) copy.add(name, value);
  return copy;
}

Value map(const Value& value, Arguments& arguments, Runtime& runtime) {
  List mapped;
  List positional = arguments.rest();
  const Value* attribute = positional.empty() ? arguments.named("attribute") : nullptr;
  if (attribute) {
    const Value* fallback = arguments.named("default");
    arguments.finish();
    const Path path(attribute);
    for (const Value& element : elements(value, runtime.budget)) {
      Value one = path.of(element, runtime);
      mapped.push_back(one.is(Kind::undefined) && fallback && !fallback->is(Kind::none) ? *fallback : std::move(one));
    }
    return Value::iterator(std::move(mapped));
  }
  if (positional.empty()) throw Failure("map: the name of a filter is missing");
  const std::string filter = strict_text(positional[0], "map");
  positional.erase(positional.begin());
  const auto named = arguments.rest_named();
  for (const Value& element : elements(value, runtime.budget)) {
    Arguments copy = copied(filter, positional, named);
    mapped.push_back(apply_filter(filter, element, copy, runtime));
  }
  return Value::iterator(std::move(mapped));
}

/// select, reject, selectattr, rejectattr.
Filter selects(bool keep, bool by_attribute) {
  return [keep, by_attribute](const Value& value, Arguments& arguments, Runtime& runtime) -> Value {
    List positional = arguments.rest();
    const auto named = arguments.rest_named();
    if (!value.truth()) return Value::iterator({});
    if (by_attribute && positional.empty()) throw Failure(arguments.callee() + ": the name of an attribute is missing");
    const Path path(by_attribute ? &positional[0] : nullptr);
    if (by_attribute) positional.erase(positional.begin());
    const std::string test = positional.empty() ? "" : strict_text(positional[0], arguments.callee());
    if (!positional.empty()) positional.erase(positional.begin());
    List kept;
    for (const Value& element : elements(value, runtime.budget)) {
      const Value tested = path.of(element, runtime);
      Arguments copy = copied(test, positional, named);
      if ((test.empty() ? tested.truth() : apply_test(test, tested, copy, runtime)) == keep) kept.push_back(element);
    }
    return Value::iterator(std::move(kept));
  };
}

Value batch(const Value& value, Arguments& arguments, Runtime& runtime) {
  const Value& count = arguments.need("linecount");
  const Value* fill = arguments.next("fill_with");
  arguments.finish();
  if (!count.is_whole() || count.whole() < 1) throw Failure("batch: the size must be a positive integer");
  const auto size = static_cast<size_t>(count.whole());
  List rows, row;
  for (const Value& element : elements(value, runtime.budget)) {
    if (row.size() == size) rows.push_back(Value::list(std::exchange(row, {})));
    row.push_back(element);
  }
  if (!row.empty() && fill && !fill->is(Kind::none)) {
    runtime.budget.make(std::min(size, runtime.budget.max_bytes()) * sizeof(Value));
    row.resize(size, *fill);
  }
  if (!row.empty()) rows.push_back(Value::list(std::move(row)));
  return Value::iterator(std::move(rows));
}

}  // namespace

void add_sequence_filters(FilterTable& table) {
  table.insert({{"sort", sort_filter},
                {"dictsort", dictsort},
                {"items", items_filter},
                {"join", join},
                {"first", first},
                {"last", last},
                {"list", list_filter},
                {"reverse", reverse},
                {"sum", sum},
                {"unique", unique},
                {"min", extreme(false)},
                {"max", extreme(true)},
                {"map", map},
                {"select", selects(true, false)},
                {"reject", selects(false, false)},
                {"selectattr", selects(true, true)},
                {"rejectattr", selects(false, true)},
                {"batch", batch}});
}

}  // namespace peftlab::text::jinja
