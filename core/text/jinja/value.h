// The values a template works with, with the meaning Python gives them. All but namespaces are immutable, as in Jinja's
// immutable sandbox, so they are shared and never copied deeply.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/io/json.h"
#include "core/text/jinja/budget.h"

namespace peftlab::text::jinja {

class Value;
struct Dict;
struct Function;
struct Iterator;
struct Sequence;
struct Space;
using List = std::vector<Value>;

enum class Kind {
  undefined,  // prints as nothing; text() says what was missing
  none,
  boolean,
  integer,
  real,
  string,
  markup,  // a string that went through `safe`; what mixes it with others is refused
  list,
  tuple,
  range,
  view,      // what dict.keys(), values() and items() give: has a length, but no elements by index
  iterator,  // what map, select and such give: can be walked over once
  dict,
  space,  // namespace()
  loop,   // the variable `loop`
  function,
};

/// How large a value is: how deep containers are nested in it, and what walking over all of it costs, in steps (parts
/// that are shared count each time, or sharing would hide a value of exponential size).
struct Extent {
  size_t depth = 0;
  size_t weight = 1;
};

/// Cheap to copy.
class Value {
 public:
  Value() : Value(Kind::none, std::monostate()) {}
  Value(bool value) : Value(Kind::boolean, value) {}
  Value(int64_t value) : Value(Kind::integer, value) {}
  Value(double value) : Value(Kind::real, value) {}
  Value(std::string text) : Value(Kind::string, std::make_shared<const std::string>(std::move(text))) {}
  Value(std::string_view text) : Value(std::string(text)) {}
  Value(const char* text) : Value(std::string(text)) {}
  Value(const void*) = delete;

  static Value undefined(std::string what);
  static Value markup(std::string text);
  /// `kind`: list, tuple, range, view. Throw Failure when values are nested too deep or too large.
  static Value sequence(Kind kind, List items);
  static Value list(List items) { return sequence(Kind::list, std::move(items)); }
  static Value tuple(List items) { return sequence(Kind::tuple, std::move(items)); }
  static Value iterator(List items);
  static Value dict(Dict entries);
  /// REQUIRES: `space` outlives the value.
  static Value space(Space& space) { return {Kind::space, &space}; }
  static Value loop(Space& loop) { return {Kind::loop, &loop}; }
  static Value function(Function function);
  /// Throws Failure for numbers beyond 64 bits, text that is not UTF-8 and values nested too deep.
  static Value from_json(const io::Json& json);

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_number() const { return is(Kind::boolean) || is(Kind::integer) || is(Kind::real); }
  bool is_whole() const { return is(Kind::boolean) || is(Kind::integer); }
  bool is_sequence() const { return is(Kind::list) || is(Kind::tuple) || is(Kind::range) || is(Kind::view); }

  /// REQUIRES of each: the kind.
  int64_t whole() const { return is(Kind::boolean) ? std::get<bool>(data_) : std::get<int64_t>(data_); }
  double number() const { return is(Kind::real) ? std::get<double>(data_) : static_cast<double>(whole()); }
  const std::string& text() const { return *std::get<std::shared_ptr<const std::string>>(data_); }
  const List& items() const;
  Iterator& walk() const { return *std::get<std::shared_ptr<Iterator>>(data_); }
  const Dict& dict() const { return *std::get<std::shared_ptr<const Dict>>(data_); }
  Space& space() const { return *std::get<Space*>(data_); }
  const Function& function() const { return *std::get<std::shared_ptr<const Function>>(data_); }

  /// bool(value).
  bool truth() const;
  /// The name of its Python type.
  const char* type_name() const;
  Extent extent() const;
  /// The same object (Python's `is`), for the test `sameas`.
  bool same_object(const Value& other) const;

 private:
  using Data = std::variant<std::monostate, bool, int64_t, double, std::shared_ptr<const std::string>,
                            std::shared_ptr<const Sequence>, std::shared_ptr<const Dict>, std::shared_ptr<Iterator>,
                            Space*, std::shared_ptr<const Function>>;
  Value(Kind kind, Data data) : kind_(kind), data_(std::move(data)) {}

  Kind kind_;
  Data data_;
};

struct Sequence {
  List items;
  Extent extent;
};

/// One walk over `items`, from `next` on.
struct Iterator {
  List items;
  size_t next = 0;
  Extent extent;
};

/// In order of insertion.
struct Dict {
  std::vector<std::pair<Value, Value>> entries;
  Extent extent;

  /// Throws Failure for a key that Python could not hash.
  const Value* find(const Value& key) const;
  /// The value under a str.
  const Value* named(std::string_view key) const;
  void set(Value key, Value value);
};

/// The fields of a namespace or of `loop`, the only things that change.
struct Space {
  Dict fields;
};

/// What can be called: a method of a value, a global function, or a macro (the evaluator's own index).
struct Function {
  enum class Sort { method, global, macro } sort = Sort::global;
  std::string name;
  Value receiver;
  size_t macro = 0;
};

/// Whether Python could use it as a key.
bool is_hashable(const Value& value);
/// a == b. Costs at most the smaller weight, which the caller spends.
bool equal(const Value& a, const Value& b);
/// a < b: -1, 0, 1, or 2 where a NaN makes them unordered. Throws Failure for values Python does not order.
int compare(const Value& a, const Value& b);
/// `item in container`. Throws Failure where Python raises.
bool contains(const Value& container, const Value& item, Budget& budget);
/// The elements a `for` walks over; an iterator is used up. Throws Failure for what is not iterable.
List elements(const Value& value, Budget& budget);
/// len(value). Throws Failure for what has no length.
int64_t length_of(const Value& value);

/// str(value) and repr(value). Throw Failure for values whose printed form is not supported.
std::string to_text(const Value& value, Budget& budget);
std::string repr(const Value& value, Budget& budget);

struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  bool multiline = false;
  std::string indent;
  std::string item_separator = ", ", key_separator = ": ";
};
/// json.dumps(value). Throws Failure for what JSON cannot hold.
std::string to_json(const Value& value, const JsonStyle& style, Budget& budget);

}  // namespace peftlab::text::jinja
