#include "core/text/jinja/value.h"

#include <algorithm>
#include <cmath>

#include "core/io/utf8.h"

namespace peftlab::text::jinja {

namespace {

constexpr size_t kMaxDepth = 200;
constexpr size_t kMaxWeight = size_t{1} << 24;

void check(const Extent& extent) {
  if (extent.depth > kMaxDepth) throw Failure("values are nested more than " + std::to_string(kMaxDepth) + " deep");
  if (extent.weight > kMaxWeight) throw Failure("a value has more than " + std::to_string(kMaxWeight) + " parts");
}

/// Of a container, from what it holds.
class Sum {
 public:
  void add(const Value& part) {
    const Extent extent = part.extent();
    sum_.depth = std::max(sum_.depth, extent.depth + 1);
    sum_.weight += extent.weight;
    check(sum_);
  }
  const Extent& extent() const { return sum_; }

 private:
  Extent sum_{1, 1};
};

Extent extent_of(const List& items) {
  Sum sum;
  for (const Value& item : items) sum.add(item);
  return sum.extent();
}

void check_key(const Value& key) {
  if (!is_hashable(key)) throw Failure(std::string("unhashable type: '") + key.type_name() + "'");
}

Value value_of(const io::Json& json, size_t depth);

Value dict_of(const io::Json& json, size_t depth) {
  Dict dict;
  for (const auto& [key, value] : json.items()) {
    if (io::first_invalid_utf8(key) != std::string::npos) throw Failure("a key of the conversation is not UTF-8");
    dict.entries.emplace_back(Value(key), value_of(value, depth + 1));
  }
  return Value::dict(std::move(dict));
}

Value list_of(const io::Json& json, size_t depth) {
  List items;
  items.reserve(json.size());
  for (const auto& item : json) items.push_back(value_of(item, depth + 1));
  return Value::list(std::move(items));
}

Value value_of(const io::Json& json, size_t depth) {
  check({depth, 1});
  switch (json.type()) {
    case io::Json::value_t::null:
      return {};
    case io::Json::value_t::boolean:
      return json.get<bool>();
    case io::Json::value_t::number_integer:
      return json.get<int64_t>();
    case io::Json::value_t::number_unsigned:
      if (json.get<uint64_t>() > INT64_MAX) throw Failure("the integer " + json.dump() + " has more than 64 bits");
      return json.get<int64_t>();
    case io::Json::value_t::number_float:
      return json.get<double>();
    case io::Json::value_t::string:
      if (io::first_invalid_utf8(json.get_ref<const std::string&>()) != std::string::npos)
        throw Failure("a text of the conversation is not UTF-8");
      return json.get_ref<const std::string&>();
    case io::Json::value_t::array:
      return list_of(json, depth);
    case io::Json::value_t::object:
      return dict_of(json, depth);
    default:
      throw Failure("binary values cannot be given to a template");
  }
}

}  // namespace

Value Value::undefined(std::string what) {
  return {Kind::undefined, std::make_shared<const std::string>(std::move(what))};
}

Value Value::markup(std::string text) { return {Kind::markup, std::make_shared<const std::string>(std::move(text))}; }

Value Value::sequence(Kind kind, List items) {
  const Extent extent = extent_of(items);
  return {kind, std::make_shared<const Sequence>(Sequence{std::move(items), extent})};
}

Value Value::iterator(List items) {
  const Extent extent = extent_of(items);
  return {Kind::iterator, std::make_shared<Iterator>(Iterator{std::move(items), 0, extent})};
}

Value Value::dict(Dict dict) {
  Sum sum;
  for (const auto& [key, value] : dict.entries) {
    sum.add(key);
    sum.add(value);
  }
  dict.extent = sum.extent();
  return {Kind::dict, std::make_shared<const Dict>(std::move(dict))};
}

Value Value::function(Function function) {
  Sum().add(function.receiver);
  return {Kind::function, std::make_shared<const Function>(std::move(function))};
}

Value Value::from_json(const io::Json& json) { return value_of(json, 0); }

const List& Value::items() const { return std::get<std::shared_ptr<const Sequence>>(data_)->items; }

bool Value::truth() const {
  switch (kind_) {
    case Kind::undefined:
    case Kind::none:
      return false;
    case Kind::boolean:
    case Kind::integer:
      return whole() != 0;
    case Kind::real:
      return number() != 0;
    case Kind::string:
    case Kind::markup:
      return !text().empty();
    case Kind::list:
    case Kind::tuple:
    case Kind::range:
    case Kind::view:
      return !items().empty();
    case Kind::dict:
      return !dict().entries.empty();
    default:
      return true;
  }
}

const char* Value::type_name() const {
  switch (kind_) {
    case Kind::undefined:
      return "Undefined";
    case Kind::none:
      return "NoneType";
    case Kind::boolean:
      return "bool";
    case Kind::integer:
      return "int";
    case Kind::real:
      return "float";
    case Kind::string:
      return "str";
    case Kind::markup:
      return "Markup";
    case Kind::list:
      return "list";
    case Kind::tuple:
      return "tuple";
    case Kind::range:
      return "range";
    case Kind::view:
      return "dict view";
    case Kind::iterator:
      return "generator";
    case Kind::dict:
      return "dict";
    case Kind::space:
      return "Namespace";
    case Kind::loop:
      return "LoopContext";
    case Kind::function:
      return "function";
  }
  return "";
}

Extent Value::extent() const {
  if (is_sequence()) return std::get<std::shared_ptr<const Sequence>>(data_)->extent;
  if (is(Kind::dict)) return dict().extent;
  if (is(Kind::iterator)) return walk().extent;
  if (is(Kind::string) || is(Kind::markup)) return {0, 1 + text().size() / 64};
  if (!is(Kind::function)) return {};
  const Extent inner = function().receiver.extent();
  return {inner.depth + 1, inner.weight + 1};
}

bool Value::same_object(const Value& other) const {
  if (kind_ != other.kind_) return false;
  if (is_number() || is(Kind::string) || is(Kind::undefined)) {
    // Whether Python shares equal numbers and strings is a detail of its interpreter; None and booleans are certain.
    if (!is(Kind::boolean)) throw Failure(std::string("'sameas' with a ") + type_name() + " is not supported");
  }
  return data_ == other.data_;
}

bool is_hashable(const Value& value) {
  if (value.is(Kind::tuple)) return std::all_of(value.items().begin(), value.items().end(), is_hashable);
  return !value.is(Kind::list) && !value.is(Kind::dict) && !value.is(Kind::view);
}

const Value* Dict::find(const Value& key) const {
  check_key(key);
  for (const auto& [name, value] : entries)
    if (equal(name, key)) return &value;
  return nullptr;
}

const Value* Dict::named(std::string_view key) const {
  for (const auto& [name, value] : entries)
    if (name.is(Kind::string) && name.text() == key) return &value;
  return nullptr;
}

void Dict::set(Value key, Value value) {
  check_key(key);
  for (auto& [name, old] : entries)
    if (equal(name, key)) {
      old = std::move(value);
      return;
    }
  entries.emplace_back(std::move(key), std::move(value));
}

}  // namespace peftlab::text::jinja
