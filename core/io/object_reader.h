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
  std::string type;            // "integer" "number" "boolean" "string" "array of strings" "object" "any"
  std::string about;           // one line
  Json fallback;               // null where the key is required
  bool required = false;
  Range range;
  std::vector<std::string> choices;
  std::vector<Declared> inner; // of objects
};

/// Mistakes go to the collector given and a fallback value is returned, so that reading goes on to the next one.
/// Numbers that are not finite, and integers written as 1.5, are mistakes; 1e2 is the integer 100.
class ObjectReader {
 public:
  /// REQUIRES: `document` and `mistakes` outlive the reader. A value at `pointer` that is not an object is a mistake.
  ObjectReader(const Document& document, Pointer pointer, Mistakes& mistakes);
  ~ObjectReader();
  ObjectReader(ObjectReader&&) noexcept;

  bool has(const std::string& key) const;   // present and not null
  int64_t integer(const std::string& key, std::optional<int64_t> fallback, const std::string& about, Range range = {});
  double number(const std::string& key, std::optional<double> fallback, const std::string& about, Range range = {});
  bool flag(const std::string& key, std::optional<bool> fallback, const std::string& about);
  std::string text(const std::string& key, std::optional<std::string> fallback, const std::string& about);
  std::string choice(const std::string& key, std::optional<std::string> fallback, std::vector<std::string> choices,
                     const std::string& about);
  /// A list of strings; one string is read as a list of one.
  std::vector<std::string> texts(const std::string& key, std::optional<std::vector<std::string>> fallback,
                                 const std::string& about);
  /// Any JSON value, checked by the caller; null when absent.
  Json any(const std::string& key, const std::string& about);
  /// The reader of a nested object; of an empty one when the key is absent. `declared()` of the parent shows it.
  ObjectReader object(const std::string& key, const std::string& about, bool required = false);
  /// The readers of a list of objects.
  std::vector<ObjectReader> objects(const std::string& key, const std::string& about);

  /// Adds a mistake at `key` of this object.
  void mistake(const std::string& key, const std::string& message);
  /// Adds one mistake for every key that nobody read, naming the nearest declared key. Call once, at the end.
  void finish();

  const Pointer& pointer() const;
  const std::vector<Declared>& declared() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// The JSON schema (draft 2020-12) of an object with these keys; unknown keys are not allowed.
Json schema_of(const std::vector<Declared>& declared);

}  // namespace peftlab::io
