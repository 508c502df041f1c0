// The methods of list, tuple and dict, and the global functions.
#include <ctime>

#include "core/text/jinja/filters.h"

namespace peftlab::text::jinja {

namespace {

Value list_method(const Value& self, const std::string& name, Arguments& arguments, Runtime& runtime) {
  if (name != "index" && name != "count")
    throw Failure("the method '" + name + "' would change a list: it is not allowed");
  const Value what = arguments.need("");
  arguments.finish();
  runtime.budget.spend(self.extent().weight);
  int64_t found = 0;
  for (size_t i = 0; i < self.items().size(); ++i) {
    if (!equal(self.items()[i], what)) continue;
    if (name == "index") return static_cast<int64_t>(i);
    ++found;
  }
  if (name == "index") throw Failure("index: the value is not in the list");
  return found;
}

Value dict_method(const Value& self, const std::string& name, Arguments& arguments, Runtime& runtime) {
  const Dict& dict = self.dict();
  runtime.budget.make((dict.entries.size() + 1) * sizeof(Value));
  if (name == "get") {
    const Value key = arguments.need("");
    const Value* fallback = arguments.next("");
    arguments.finish();
    const Value* found = dict.find(key);
    return found ? *found : fallback ? *fallback : Value();
  }
  if (name != "items" && name != "keys" && name != "values" && name != "copy")
    throw Failure("the method '" + name + "' of a dict is not allowed");
  arguments.finish();
  if (name == "copy") return self;
  List items;
  for (const auto& [key, value] : dict.entries)
    items.push_back(name == "keys" ? key : name == "values" ? value : Value::tuple({key, value}));
  return Value::sequence(Kind::view, std::move(items));
}

Value range_of(Arguments& arguments, Runtime& runtime) {
  constexpr int64_t kMost = 100'000;  // as Jinja's sandbox
  int64_t numbers[3] = {0, 0, 1};
  int count = 0;
  while (const Value* next = count < 3 ? arguments.next("") : nullptr) {
    require_defined(*next);
    if (!next->is_whole()) throw Failure("range: expected integers");
    numbers[count++] = next->whole();
  }
  arguments.finish();
  if (count == 0) throw Failure("range: the argument 'stop' is missing");
  if (count == 1) std::swap(numbers[0], numbers[1]);
  const int64_t step = numbers[2];
  if (step == 0) throw Failure("range: the step is zero");
  List items;
  for (int64_t at = numbers[0]; step > 0 ? at < numbers[1] : at > numbers[1];) {
    if (static_cast<int64_t>(items.size()) == kMost) throw Failure("range: more than 100000 elements");
    items.emplace_back(at);
    if (__builtin_add_overflow(at, step, &at)) break;
  }
  runtime.budget.make(items.size() * sizeof(Value));
  return Value::sequence(Kind::range, std::move(items));
}

Value dict_of(Arguments& arguments) {
  const Value* source = arguments.next("");
  Dict dict;
  if (source && !source->is(Kind::dict)) throw Failure("dict: only a dict and named arguments are supported");
  if (source) dict = source->dict();
  for (auto& [name, value] : arguments.rest_named()) dict.set(name, std::move(value));
  arguments.finish();
  return Value::dict(std::move(dict));
}

/// strftime in the local time zone; what Python adds to the C library's is refused.
Value time_text(Arguments& arguments, Runtime& runtime) {
  const std::string format = arguments.text("format");
  arguments.finish();
  for (size_t i = 0; i + 1 < format.size(); ++i) {
    if (format[i] != '%') continue;
    if (std::string_view("aAbBcdeDFGgHIjklmMnpPrRsStTuUVwWxXyYCh%-_").find(format[++i]) == std::string_view::npos)
      throw Failure(std::string("strftime_now: the directive '%") + format[i] + "' is not supported");
  }
  if (format.empty()) return "";
  const std::time_t seconds = std::chrono::system_clock::to_time_t(runtime.now);
  std::tm local{};
  localtime_r(&seconds, &local);
  constexpr size_t kLongest = 4096;
  std::string text(kLongest, '\0');
  text.resize(std::strftime(text.data(), text.size(), format.c_str(), &local));
  if (text.empty()) throw Failure("strftime_now: the format gives nothing, or more than 4096 bytes");
  return text;
}

}  // namespace

Value call_method(const Value& receiver, const std::string& name, Arguments& arguments, Runtime& runtime) {
  runtime.budget.spend();
  if (receiver.is(Kind::dict)) return dict_method(receiver, name, arguments, runtime);
  if (receiver.is(Kind::list) || receiver.is(Kind::tuple)) return list_method(receiver, name, arguments, runtime);
  if (receiver.is(Kind::string)) return call_text_method(receiver, name, arguments, runtime);
  throw Failure("the method '" + name + "' of a " + receiver.type_name() + " is not supported");
}

bool is_global(std::string_view name) {
  return name == "range" || name == "dict" || name == "namespace" || name == "raise_exception" ||
         name == "strftime_now";
}

Value call_global(const std::string& name, Arguments& arguments, Runtime& runtime) {
  if (name == "range") return range_of(arguments, runtime);
  if (name == "dict") return dict_of(arguments);
  if (name == "strftime_now") return time_text(arguments, runtime);
  const Value message = arguments.need("message");
  arguments.finish();
  throw Failure(to_text(message, runtime.budget));
}

}  // namespace peftlab::text::jinja
