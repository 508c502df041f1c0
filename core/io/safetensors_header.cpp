#include "core/io/safetensors_header.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "core/io/utf8.h"
#include "peftlab/error.h"

namespace peftlab::io {
namespace {

/// Takes the parser's events. The level says what surrounds the next value.
class HeaderEvents final : public nlohmann::json_sax<nlohmann::json> {
 public:
  HeaderEvents(SafetensorsHeader& header, const std::string& path) : header_(header), path_(path) {}

  bool start_object(std::size_t) override {
    if (level_ == Level::kStart) level_ = Level::kTop;
    else if (level_ == Level::kTop) level_ = key_ == "__metadata__" ? Level::kMetadata : Level::kEntry;
    else refuse("an object");
    if (level_ == Level::kEntry) begin_entry();
    return true;
  }

  bool end_object() override {
    if (level_ == Level::kEntry) end_entry();
    level_ = Level::kTop;
    return true;
  }

  bool key(string_t& text) override {
    if (level_ == Level::kTop) {
      if (!names_.insert(text).second) fail("the key '" + text + "' is given twice");
      key_ = text;
    } else if (level_ == Level::kMetadata) {
      if (header_.metadata.contains(text)) fail("__metadata__: the key '" + text + "' is given twice");
      field_ = text;
    } else {
      field_ = text;
      bool& seen = text == "dtype" ? has_dtype_ : text == "shape" ? has_shape_ : has_offsets_;
      if (&seen == &has_offsets_ && text != "data_offsets") {
        fail("tensor '" + key_ + "': unknown key '" + text + "', expected dtype, shape and data_offsets");
      }
      if (seen) fail("tensor '" + key_ + "': the key '" + text + "' is given twice");
      seen = true;
    }
    return true;
  }

  bool string(string_t& text) override {
    if (level_ == Level::kMetadata) {
      header_.metadata[field_] = text;
    } else if (level_ == Level::kEntry && field_ == "dtype") {
      const auto dtype = dtype_named(text);
      if (!dtype) fail("tensor '" + key_ + "': unknown dtype '" + text + "'");
      header_.entries.back().dtype = *dtype;
    } else {
      refuse("a string");
    }
    return true;
  }

  bool start_array(std::size_t) override {
    if (level_ != Level::kEntry || field_ == "dtype") refuse("a list");
    level_ = field_ == "shape" ? Level::kShape : Level::kOffsets;
    return true;
  }

  bool end_array() override {
    if (level_ == Level::kOffsets && num_offsets_ != 2) {
      fail("tensor '" + key_ + "': data_offsets has " + std::to_string(num_offsets_) + " numbers, expected 2");
    }
    level_ = Level::kEntry;
    return true;
  }

  bool number_unsigned(number_unsigned_t value) override {
    HeaderEntry* entry = header_.entries.empty() ? nullptr : &header_.entries.back();
    if (level_ == Level::kShape) {
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        fail("tensor '" + key_ + "': dimension " + std::to_string(value) + " is too large");
      }
      entry->shape.push_back(static_cast<int64_t>(value));
    } else if (level_ == Level::kOffsets) {
      if (num_offsets_ < 2) (num_offsets_ == 0 ? entry->begin : entry->end) = value;
      ++num_offsets_;
    } else {
      refuse("a number");
    }
    return true;
  }

  bool number_integer(number_integer_t value) override { refuse("the negative number " + std::to_string(value)); }
  bool number_float(number_float_t, const string_t& text) override { refuse("the number " + text); }
  bool null() override { refuse("null"); }
  bool boolean(bool value) override { refuse(value ? "true" : "false"); }
  bool binary(binary_t&) override { refuse("binary data"); }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    fail("is not JSON at byte " + std::to_string(position));
  }

 private:
  enum class Level { kStart, kTop, kMetadata, kEntry, kShape, kOffsets };

  [[noreturn]] void fail(const std::string& what) const { throw ConfigError(path_ + ": header: " + what); }

  [[noreturn]] void refuse(const std::string& got) const {
    switch (level_) {
      case Level::kStart: fail("is " + got + ", expected an object");
      case Level::kTop: fail("'" + key_ + "': expected an object, got " + got);
      case Level::kMetadata: fail("__metadata__: '" + field_ + "': expected a string, got " + got);
      case Level::kEntry: fail("tensor '" + key_ + "': " + field_ + ": got " + got + ", expected " + expected());
      default: fail("tensor '" + key_ + "': " + field_ + ": expected numbers from 0 on, got " + got);
    }
  }

  std::string expected() const { return field_ == "dtype" ? "the name of a type" : "a list of numbers"; }

  void begin_entry() {
    header_.entries.emplace_back().name = key_;
    has_dtype_ = has_shape_ = has_offsets_ = false;
    num_offsets_ = 0;
  }

  void end_entry() const {
    const char* missing = !has_dtype_ ? "dtype" : !has_shape_ ? "shape" : !has_offsets_ ? "data_offsets" : nullptr;
    if (missing != nullptr) fail("tensor '" + key_ + "': " + missing + " is missing");
  }

  SafetensorsHeader& header_;
  const std::string& path_;
  Level level_ = Level::kStart;
  std::string key_;
  std::string field_;
  std::unordered_set<std::string> names_;
  bool has_dtype_ = false;
  bool has_shape_ = false;
  bool has_offsets_ = false;
  int num_offsets_ = 0;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& path) {
  if (text.empty() || text[0] != '{') throw ConfigError(path + ": header: expected '{' as its first byte");
  const size_t invalid = first_invalid_utf8(text);
  if (invalid != std::string_view::npos) {
    throw ConfigError(path + ": header: is not UTF-8 at byte " + std::to_string(invalid));
  }
  // The parser takes a NUL for the end of its input: what follows would go unread.
  const size_t nul = text.find('\0');
  if (nul != std::string_view::npos) throw ConfigError(path + ": header: is not JSON at byte " + std::to_string(nul));
  SafetensorsHeader header;
  HeaderEvents events(header, path);
  nlohmann::json::sax_parse(text.begin(), text.end(), &events);
  return header;
}

}  // namespace peftlab::io
