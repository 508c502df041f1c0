// Strict, typed reading of one JSON object. Every key is declared once, with its default, range and meaning; the same
// declarations give the error messages, the JSON schema and the help.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/io/json.h"

namespace peftlab::io {

/// What a number may be. Ends are inclusive unless `above` / `below` say otherwise.
struct Range {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool above = false;  // least itself is out
  bool below = false;  // most itself is out
};

/// One declared key, for schema and help.
struct Declared {
  std::string key;
  std::string type;            // "integer" "number" "boolean" "string" "array of strings" "object" "array of objects" "any"
  std::string about;           // one line
  Json fallback;               // null where the key is required
  bool required = false;
  Range range;
  std::vector<std::string> choices;
  std::vector<Declared> inner; // of objects, and of the objects of a list
  Json schema;                 // of "any": what the caller checks, as JSON schema; null: anything
};

/// Mistakes go to the collector given and a fallback value is returned, so that reading goes on to the next one.
/// A key whose value is null counts as absent. Numbers that are not finite, and integers written as 1.5, are mistakes; 1e2 is the integer 100.
class ObjectReader {
 public:
  /// REQUIRES: `document` and `mistakes` outlive the reader. A value at `pointer` that is not an object is a mistake; no
  /// value there is an empty object.
  ObjectReader(const Document& document, Pointer pointer, Mistakes& mistakes);
  ~ObjectReader();
  ObjectReader(ObjectReader&&) noexcept;

  bool has(const std::string& key) const;   // present and not null
  int64_t integer(const std::string& key, std::optional<int64_t> fallback, const std::string& about, Range range = {});
  double number(const std::string& key, std::optional<double> fallback, const std::string& about, Range range = {});
  /// The same for keys that may be absent without a value in their place.
  std::optional<int64_t> optional_integer(const std::string& key, const std::string& about, Range range = {});
  std::optional<double> optional_number(const std::string& key, const std::string& about, Range range = {});
  bool flag(const std::string& key, std::optional<bool> fallback, const std::string& about);
  std::string text(const std::string& key, std::optional<std::string> fallback, const std::string& about);
  /// A fallback of "" stands for none of the choices.
  std::string choice(const std::string& key, std::optional<std::string> fallback, std::vector<std::string> choices,
                     const std::string& about);
  /// A list of strings; one string is read as a list of one.
  std::vector<std::string> texts(const std::string& key, std::optional<std::vector<std::string>> fallback,
                                 const std::string& about);
  /// Any JSON value, checked by the caller; null when absent. `schema` tells readers of the schema what it may be.
  Json any(const std::string& key, const std::string& about, Json schema = nullptr);
  /// The reader of a nested object; of an empty one when the key is absent. `declared()` of the parent shows it.
  ObjectReader object(const std::string& key, const std::string& about, bool required = false);
  /// The readers of a list of objects; `declared()` shows the keys of the first.
  std::vector<ObjectReader> objects(const std::string& key, const std::string& about);

  /// Adds a mistake at `key` of this object; at the object itself when `key` is empty.
  void mistake(const std::string& key, const std::string& message);
  /// Adds one mistake for every key that nobody read, naming the nearest declared key; does the same for the readers that
  /// object() and objects() gave. Call at the end; a second call does nothing.
  void finish();

  const Pointer& pointer() const;
  const std::vector<Declared>& declared() const;

 private:
  struct State;
  explicit ObjectReader(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

/// The JSON schema (draft 2020-12) of an object with these keys; unknown keys are not allowed.
Json schema_of(const std::vector<Declared>& declared);

}  // namespace peftlab::io
