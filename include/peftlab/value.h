// A JSON-like value as plain data, so that configurations cross the plugin border without a JSON library in the headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace peftlab {

class Value;
using List = std::vector<Value>;

/// Named values in order. A name occurs once.
class Fields {
 public:
  /// The value of `key`, or nullptr.
  const Value* find(const std::string& key) const;
  /// Sets or replaces.
  void set(const std::string& key, Value value);
  const std::vector<std::pair<std::string, Value>>& items() const { return items_; }

 private:
  std::vector<std::pair<std::string, Value>> items_;
};

/// null, a boolean, an integer, a number, a text, a list or named fields.
class Value {
 public:
  using Data = std::variant<std::nullptr_t, bool, int64_t, double, std::string, List, Fields>;

  Value() : data_(nullptr) {}
  Value(std::nullptr_t) : data_(nullptr) {}
  Value(bool value) : data_(value) {}
  Value(int value) : data_(static_cast<int64_t>(value)) {}
  Value(int64_t value) : data_(value) {}
  Value(double value) : data_(value) {}
  Value(const char* value) : data_(std::string(value)) {}
  Value(std::string value) : data_(std::move(value)) {}
  Value(List value) : data_(std::move(value)) {}
  Value(Fields value) : data_(std::move(value)) {}
  Value(const std::vector<std::string>& texts);

  const Data& data() const { return data_; }
  bool is_null() const { return std::holds_alternative<std::nullptr_t>(data_); }
  bool is_text() const { return std::holds_alternative<std::string>(data_); }
  bool is_list() const { return std::holds_alternative<List>(data_); }
  bool is_fields() const { return std::holds_alternative<Fields>(data_); }

  /// Throw ConfigError "expected a …, got …" for another kind; `number` takes integers too, `texts` a list of texts.
  bool boolean() const;
  int64_t integer() const;
  double number() const;
  const std::string& text() const;
  std::vector<std::string> texts() const;
  const List& list() const;
  const Fields& fields() const;

 private:
  Data data_;
};

}  // namespace peftlab
