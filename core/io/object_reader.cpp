#include "core/io/object_reader.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace peftlab::io {
namespace {

const Json kNothing = Json::object();

std::string quoted(const std::string& text) { return "'" + text + "'"; }

std::string listed(const std::vector<std::string>& names) {
  std::string list;
  for (const auto& name : names) list += (list.empty() ? "" : ", ") + quoted(name);
  return list;
}

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.15g", value);
  return text;
}

// "" for a range without ends, else " above 0 and at most 1".
std::string range_text(const Range& range) {
  std::string text;
  if (std::isfinite(range.least)) text += (range.above ? " above " : " of at least ") + number_text(range.least);
  if (!std::isfinite(range.most)) return text;
  text += text.empty() ? "" : " and";
  return text + (range.below ? " below " : text.empty() ? " of at most " : " at most ") + number_text(range.most);
}

bool inside(double value, const Range& range) {
  if (range.above ? value <= range.least : value < range.least) return false;
  return range.below ? value < range.most : value <= range.most;
}

// The integer a value is, 1e2 included; nothing for 1.5, for what int64_t does not hold, and for what is no number.
std::optional<int64_t> as_integer(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (number > static_cast<std::uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
    return static_cast<int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<int64_t>();
  if (!value.is_number_float()) return std::nullopt;
  const double number = value.get<double>();
  constexpr double kBeyond = 9223372036854775808.0;  // 2^63
  if (!(number >= -kBeyond && number < kBeyond) || number != std::floor(number)) return std::nullopt;
  return static_cast<int64_t>(number);
}

}  // namespace

struct ObjectReader::State {
  const Document* document;
  Pointer pointer;
  Mistakes* mistakes;
  const Json* value;
  std::vector<Declared> declared;
  std::vector<std::pair<std::size_t, std::shared_ptr<State>>> inner;  // by the key they belong to
  bool finished = false;

  const Json* find(const std::string& key) const {
    const auto found = value->find(key);
    return found == value->end() || found->is_null() ? nullptr : &*found;
  }

  void mistake_at(const Pointer& at, const std::string& message) { mistakes->add(document->where(at), at, message); }

  void mistake(const std::string& key, const std::string& message) {
    mistake_at(key.empty() ? pointer : child(pointer, key), message);
  }

  // Looks at an object from here on; anything else is a mistake and reads as an empty one.
  void read(const Json& found) {
    if (found.is_object()) value = &found;
    else mistake("", "expected an object, got " + shown(found));
  }

  // A reader's state for `found`, which belongs to the key declared last.
  std::shared_ptr<State> add_inner(Pointer at, const Json* found) {
    auto state = std::make_shared<State>();
    *state = {document, std::move(at), mistakes, &kNothing, {}, {}, false};
    if (found) state->read(*found);
    inner.emplace_back(declared.size() - 1, state);
    return state;
  }

  // Declares a key and gives its value, or null when it is absent.
  const Json* take(Declared key) {
    const Json* found = find(key.key);
    if (!found && key.required) mistake(key.key, "missing, expected " + expected(key) + ": " + key.about);
    declared.push_back(std::move(key));
    return found;
  }

  static std::string expected(const Declared& key) {
    if (!key.choices.empty()) return "one of " + listed(key.choices);
    if (key.type == "integer") return "an integer" + range_text(key.range);
    if (key.type == "number") return "a number" + range_text(key.range);
    if (key.type == "boolean") return "true or false";
    if (key.type == "string") return "a string";
    if (key.type == "object") return "an object";
    if (key.type == "array of strings") return "a string or a list of strings";
    if (key.type == "array of objects") return "a list of objects";
    return "a value";
  }

  void wrong(const Json& got) {
    const Declared& key = declared.back();
    mistake(key.key, "expected " + expected(key) + ", got " + shown(got));
  }

  // The value of the key declared last, if it is what was declared; else a mistake.
  std::optional<int64_t> integer(const Json& found) {
    const auto value = as_integer(found);
    if (value && inside(static_cast<double>(*value), declared.back().range)) return value;
    wrong(found);
    return std::nullopt;
  }

  std::optional<double> number(const Json& found) {
    const double value = found.is_number() ? found.get<double>() : std::nan("");
    if (std::isfinite(value) && inside(value, declared.back().range)) return value;
    wrong(found);
    return std::nullopt;
  }

  void finish() {
    if (finished) return;
    finished = true;
    for (const auto& [index, state] : inner) state->finish();
    std::vector<std::string> known;
    for (const auto& key : declared) known.push_back(key.key);
    for (const auto& [key, unused] : value->items()) {
      if (std::find(known.begin(), known.end(), key) == known.end()) unknown(key, known);
    }
  }

  void unknown(const std::string& key, const std::vector<std::string>& known) {
    const auto near = nearest(key, known);
    std::string message = "unknown key";
    if (!near.empty()) message += "; did you mean " + quoted(near) + "?";
    else if (known.empty()) message += "; expected none";
    else message += "; expected one of " + listed(known);
    mistake_at(child(pointer, key), message);
  }

  const std::vector<Declared>& all_declared() {
    for (auto& key : declared) key.inner.clear();
    for (const auto& [index, state] : inner) {
      if (declared[index].inner.empty()) declared[index].inner = state->all_declared();
    }
    return declared;
  }
};

ObjectReader::ObjectReader(const Document& document, Pointer pointer, Mistakes& mistakes)
    : state_(std::make_shared<State>()) {
  *state_ = {&document, std::move(pointer), &mistakes, &kNothing, {}, {}, false};
  const Json::json_pointer at(state_->pointer);
  if (document.value.contains(at)) state_->read(document.value.at(at));
}

ObjectReader::ObjectReader(std::shared_ptr<State> state) : state_(std::move(state)) {}

ObjectReader::~ObjectReader() = default;
ObjectReader::ObjectReader(ObjectReader&&) noexcept = default;

bool ObjectReader::has(const std::string& key) const { return state_->find(key) != nullptr; }

int64_t ObjectReader::integer(const std::string& key, std::optional<int64_t> fallback, const std::string& about,
                              Range range) {
  const int64_t otherwise = fallback.value_or(0);
  const Json* found =
      state_->take({key, "integer", about, fallback ? Json(*fallback) : Json(), !fallback, range, {}, {}, {}});
  return found ? state_->integer(*found).value_or(otherwise) : otherwise;
}

std::optional<int64_t> ObjectReader::optional_integer(const std::string& key, const std::string& about, Range range) {
  const Json* found = state_->take({key, "integer", about, Json(), false, range, {}, {}, {}});
  return found ? state_->integer(*found) : std::nullopt;
}

double ObjectReader::number(const std::string& key, std::optional<double> fallback, const std::string& about,
                            Range range) {
  const double otherwise = fallback.value_or(0.0);
  const Json* found =
      state_->take({key, "number", about, fallback ? Json(*fallback) : Json(), !fallback, range, {}, {}, {}});
  return found ? state_->number(*found).value_or(otherwise) : otherwise;
}

std::optional<double> ObjectReader::optional_number(const std::string& key, const std::string& about, Range range) {
  const Json* found = state_->take({key, "number", about, Json(), false, range, {}, {}, {}});
  return found ? state_->number(*found) : std::nullopt;
}

bool ObjectReader::flag(const std::string& key, std::optional<bool> fallback, const std::string& about) {
  const bool otherwise = fallback.value_or(false);
  const Json* found =
      state_->take({key, "boolean", about, fallback ? Json(*fallback) : Json(), !fallback, {}, {}, {}, {}});
  if (!found) return otherwise;
  if (found->is_boolean()) return found->get<bool>();
  state_->wrong(*found);
  return otherwise;
}

std::string ObjectReader::text(const std::string& key, std::optional<std::string> fallback, const std::string& about) {
  return choice(key, std::move(fallback), {}, about);
}

std::string ObjectReader::choice(const std::string& key, std::optional<std::string> fallback,
                                 std::vector<std::string> choices, const std::string& about) {
  const std::string otherwise = fallback.value_or("");
  const Json* found = state_->take(
      {key, "string", about, otherwise.empty() ? Json() : Json(otherwise), !fallback, {}, choices, {}, {}});
  if (!found) return otherwise;
  if (!found->is_string()) {
    state_->wrong(*found);
    return otherwise;
  }
  const auto& value = found->get_ref<const std::string&>();
  if (choices.empty() || std::find(choices.begin(), choices.end(), value) != choices.end()) return value;
  const auto near = nearest(value, choices);
  mistake(key, "expected one of " + listed(choices) + ", got " + shown(*found) +
                   (near.empty() ? "" : "; did you mean " + quoted(near) + "?"));
  return otherwise;
}

std::vector<std::string> ObjectReader::texts(const std::string& key, std::optional<std::vector<std::string>> fallback,
                                             const std::string& about) {
  const Json* found =
      state_->take({key, "array of strings", about, fallback ? Json(*fallback) : Json(), !fallback, {}, {}, {}, {}});
  std::vector<std::string> otherwise = fallback.value_or(std::vector<std::string>());
  if (!found) return otherwise;
  if (found->is_string()) return {found->get<std::string>()};
  if (!found->is_array()) {
    state_->wrong(*found);
    return otherwise;
  }
  std::vector<std::string> values;
  for (std::size_t i = 0; i < found->size(); ++i) {
    const Json& one = (*found)[i];
    if (one.is_string()) values.push_back(one.get<std::string>());
    else state_->mistake_at(child(child(state_->pointer, key), i), "expected a string, got " + shown(one));
  }
  return values;
}

Json ObjectReader::any(const std::string& key, const std::string& about, Json schema) {
  const Json* found = state_->take({key, "any", about, Json(), false, {}, {}, {}, std::move(schema)});
  return found ? *found : Json();
}

ObjectReader ObjectReader::object(const std::string& key, const std::string& about, bool required) {
  const Json* found =
      state_->take({key, "object", about, required ? Json() : Json::object(), required, {}, {}, {}, {}});
  return ObjectReader(state_->add_inner(child(state_->pointer, key), found));
}

std::vector<ObjectReader> ObjectReader::objects(const std::string& key, const std::string& about) {
  const Json* found = state_->take({key, "array of objects", about, Json::array(), false, {}, {}, {}, {}});
  std::vector<ObjectReader> readers;
  if (found && !found->is_array()) state_->wrong(*found);
  if (!found || !found->is_array()) return readers;
  const Pointer at = child(state_->pointer, key);
  for (std::size_t i = 0; i < found->size(); ++i)
    readers.push_back(ObjectReader(state_->add_inner(child(at, i), &(*found)[i])));
  return readers;
}

void ObjectReader::mistake(const std::string& key, const std::string& message) { state_->mistake(key, message); }

void ObjectReader::finish() { state_->finish(); }

const Pointer& ObjectReader::pointer() const { return state_->pointer; }

const std::vector<Declared>& ObjectReader::declared() const { return state_->all_declared(); }

}  // namespace peftlab::io
