// Values that may be absent, or of another kind than they should be, in records that others wrote.
#pragma once

#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "core/io/json.h"

namespace peftlab::compare {

/// The value under the keys, one below the other; nullptr where there is none.
template <typename... Keys>
const io::Json* find(const io::Json& value, const char* key, Keys... deeper) {
  if (!value.is_object()) return nullptr;
  const auto found = value.find(key);
  if (found == value.end()) return nullptr;
  if constexpr (sizeof...(deeper) == 0) {
    return &*found;
  } else {
    return find(*found, deeper...);
  }
}

template <typename... Keys>
std::string text_at(const io::Json& value, Keys... keys) {
  const io::Json* found = find(value, keys...);
  if (found == nullptr || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

/// NaN is null, or "nan", in JSON.
template <typename... Keys>
std::optional<double> number_at(const io::Json& value, Keys... keys) {
  const io::Json* found = find(value, keys...);
  if (found == nullptr) return std::nullopt;
  if (found->is_number()) return found->get<double>();
  if (found->is_null() || *found == "nan" || *found == "inf" || *found == "-inf")
    return std::numeric_limits<double>::quiet_NaN();
  return std::nullopt;
}

/// Counts; what is no whole number of at least 0 is absent.
template <typename... Keys>
std::optional<int64_t> count_at(const io::Json& value, Keys... keys) {
  const auto number = number_at(value, keys...);
  if (!number || !(*number >= 0.0) || *number > 9e15 || std::floor(*number) != *number) return std::nullopt;
  return static_cast<int64_t>(*number);
}

}  // namespace peftlab::compare
