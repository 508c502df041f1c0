// Filters, tests, methods and operators: what a template can do with values. Everything Jinja or Python has and this
// has not is refused by its name, never approximated.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/jinja/value.h"

namespace peftlab::text::jinja {

/// What one rendering shares with everything it calls.
struct Runtime {
  Budget budget;
  std::chrono::system_clock::time_point now;
};

/// The arguments of a call, taken out one by one. `callee` is named in messages.
class Arguments {
 public:
  explicit Arguments(std::string callee) : callee_(std::move(callee)) {}

  void add(Value value) { positional_.push_back(std::move(value)); }
  void add(std::string keyword, Value value) { named_.emplace_back(std::move(keyword), std::move(value)); }

  /// The next parameter, by position or by its name; null when not given.
  const Value* next(std::string_view name);
  /// The same with a type. Throw Failure for another type, and for a missing one without a default.
  const Value& need(std::string_view name);
  std::string text(std::string_view name);
  int64_t whole(std::string_view name, int64_t fallback);
  bool flag(std::string_view name, bool fallback);
  /// A named one that has no position; null when not given.
  const Value* named(std::string_view name);
  /// All that are left.
  List rest();
  std::vector<std::pair<std::string, Value>> rest_named();
  /// Throws Failure for an argument that nobody took. To be called before the work.
  void finish() const;

  const std::string& callee() const { return callee_; }

 private:
  std::string callee_;
  List positional_;
  std::vector<std::pair<std::string, Value>> named_;
  size_t next_ = 0;
};

bool is_filter(std::string_view name);
bool is_test(std::string_view name);
/// All throw Failure: wrong arguments, a value that the operation is not defined for.
Value apply_filter(const std::string& name, const Value& value, Arguments& arguments, Runtime& runtime);
bool apply_test(const std::string& name, const Value& value, Arguments& arguments, Runtime& runtime);

/// value.name, value[key] and value[begin:end:step] (null: left out).
Value attribute(const Value& value, const std::string& name);
Value item(const Value& value, const Value& key, Runtime& runtime);
Value slice(const Value& value, const Value* begin, const Value* end, const Value* step, Runtime& runtime);
/// value.name(arguments) for methods of Python's types.
Value call_method(const Value& receiver, const std::string& name, Arguments& arguments, Runtime& runtime);
Value call_text_method(const Value& receiver, const std::string& name, Arguments& arguments, Runtime& runtime);
/// Whether it is, and the call of, a global function (range, dict, raise_exception, strftime_now).
bool is_global(std::string_view name);
Value call_global(const std::string& name, Arguments& arguments, Runtime& runtime);

/// Python's binary operators + - * / // % ** and the unary minus.
Value arithmetic(const std::string& sign, const Value& a, const Value& b, Runtime& runtime);
Value negative(const Value& value);

/// Throws Failure saying what is undefined.
void require_defined(const Value& value);
/// A str as filters see it (soft_str): undefined is ""; other types are printed; what was marked safe is refused.
std::string soft_text(const Value& value, Runtime& runtime);
/// A str and nothing else, for methods and string filters.
const std::string& strict_text(const Value& value, std::string_view callee);

}  // namespace peftlab::text::jinja
