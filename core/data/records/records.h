// Records as the source file has them, and what a task does to them before they become conversations.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "core/data/task/task.h"

namespace peftlab::data {

struct Record {
  int64_t row = 0;  // csv, jsonl: the line where it begins; json: its number in the list; from 1
  Json fields;      // an object
};

struct Records {
  std::vector<Record> records;
  std::vector<std::string> descriptions;  // rows passed over as descriptions, "line 2: 縣市名稱,…"
  std::string sha256;                     // of the file's bytes
};

/// Reads `source.file`. Throws ConfigError with line and what was expected for a file that can not be read, is not of its kind
/// or not UTF-8, lacks a column the task names, or holds no record.
Records read_records(const Source& source);

/// Cleans the fields in place. Returns why the record must go, or nothing.
std::optional<std::string> clean(const Cleaning& rule, Json& fields);

/// Makes the derived fields in place. Returns why the record must go, or nothing.
std::optional<std::string> derive(const std::vector<Derived>& rules, Json& fields);

/// Which condition the record fails, or nothing.
std::optional<std::string> filter(const std::vector<Filter>& rules, const Json& fields);

/// Every text field that is empty and may not be is a reason to drop the record.
std::optional<std::string> find_empty(const Cleaning& rule, const Json& fields);

/// Thrown by field_of; caught where records are dropped.
struct NoField {
  std::string name;
};

/// Throws NoField.
const Json& field_of(const Json& fields, const std::string& name);

/// Calls `visit(text)` for every string inside a value, keys apart.
template <typename Value, typename Visit>
void for_each_text(Value& value, const Visit& visit) {
  if (value.is_string()) {
    visit(value.template get_ref<std::conditional_t<std::is_const_v<Value>, const std::string&, std::string&>>());
  } else if (value.is_structured()) {
    for (auto& inner : value) for_each_text(inner, visit);
  }
}

}  // namespace peftlab::data
