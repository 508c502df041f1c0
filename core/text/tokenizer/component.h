// One part of a tokenizer.json ({"type": "Replace", ...}), read with its place in every message.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/text/tokenizer/regex.h"

namespace peftlab::text {

/// Keys nobody reads are left alone, as the tokenizers library does.
class Component {
 public:
  /// `where` is the file, or "file: /pointer" of a part. Throws ConfigError unless `value` is an object; with a "type"
  /// unless `typed` is false. REQUIRES: `value` outlives it.
  Component(const nlohmann::json& value, std::string where, bool typed = true);

  const std::string& type() const { return type_; }
  const std::string& where() const { return where_; }
  bool has(const char* key) const;  // present and not null
  /// Each throws ConfigError when the value is not of its kind, or is missing and has no fallback.
  std::string text(const char* key) const;
  std::string text(const char* key, const std::string& fallback) const;
  bool flag(const char* key, bool fallback) const;
  size_t count(const char* key) const;
  char32_t character(const char* key) const;  // a string of one character
  Pattern pattern(const char* key) const;     // {"String": "x"} or {"Regex": "x"}
  Component object(const char* key) const;    // untyped
  std::vector<Component> parts(const char* key, bool typed = true) const;
  const nlohmann::json& value() const { return value_; }

  [[noreturn]] void refuse(const std::string& message) const;
  /// For a type that is not among `known`.
  [[noreturn]] void refuse_type(const char* kind, std::initializer_list<const char*> known) const;

 private:
  std::string place_of(const char* key) const;
  const nlohmann::json& at(const char* key, const char* expected) const;

  const nlohmann::json& value_;
  std::string where_;
  std::string type_;
};

}  // namespace peftlab::text
