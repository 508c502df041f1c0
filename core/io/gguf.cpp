#include "core/io/gguf.h"

#include <array>
#include <cstring>
#include <limits>

#include "core/io/gguf_parser.h"
#include "core/io/json.h"
#include "peftlab/error.h"

namespace peftlab::io {
namespace {

template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

bool is_integer(GgufKind kind) {
  return kind != GgufKind::kFloat32 && kind != GgufKind::kFloat64 && kind != GgufKind::kBool &&
         kind != GgufKind::kString && kind != GgufKind::kArray;
}

bool is_number(GgufKind kind) { return is_integer(kind) || kind == GgufKind::kFloat32 || kind == GgufKind::kFloat64; }

/// The string at `begin`, which then stands behind it. The parser has checked its length.
std::string_view next_string(const MappedFile& map, size_t& begin) {
  const size_t size = static_cast<size_t>(load<uint64_t>(map.data() + begin));
  const std::string_view text = map.text(begin + sizeof(uint64_t), size);
  begin += sizeof(uint64_t) + size;
  return text;
}

}  // namespace

std::string name(GgufKind kind) {
  static constexpr std::array<const char*, 13> kNames = {"uint8",  "int8",    "uint16", "int16",  "uint32",
                                                         "int32",  "float32", "bool",   "string", "array",
                                                         "uint64", "int64",   "float64"};
  return kNames[static_cast<size_t>(kind)];
}

size_t GgufTensor::num_elements() const {
  size_t product = 1;
  for (const int64_t dimension : shape) product *= static_cast<size_t>(dimension);
  return product;
}

GgufFile::GgufFile(const std::filesystem::path& path) : map_(path) { GgufParser(*this).run(); }

const GgufFile::Value& GgufFile::value(const std::string& key) const {
  const auto found = values_.find(key);
  if (found != values_.end()) return found->second;
  const std::string near = nearest(key, keys_);
  throw ConfigError(path().string() + ": has no metadata '" + key + "'" +
                    (near.empty() ? "" : "; the nearest is '" + near + "'"));
}

const GgufFile::Value& GgufFile::array(const std::string& key, const char* expected) const {
  const Value& found = value(key);
  if (found.kind != GgufKind::kArray) wrong_kind(key, expected);
  return found;
}

void GgufFile::wrong_kind(const std::string& key, const std::string& expected) const {
  const Value& found = value(key);
  const std::string got =
      found.kind == GgufKind::kArray ? "an array of " + io::name(found.element) : io::name(found.kind);
  throw ConfigError(path().string() + ": metadata '" + key + "': expected " + expected + ", got " + got);
}

GgufKind GgufFile::kind(const std::string& key) const { return value(key).kind; }

GgufKind GgufFile::element_kind(const std::string& key) const { return array(key, "an array").element; }

uint64_t GgufFile::length(const std::string& key) const { return value(key).length; }

int64_t GgufFile::integer_at(const std::string& key, GgufKind kind, size_t begin) const {
  const std::byte* from = map_.data() + begin;
  switch (kind) {
    case GgufKind::kUint8: return load<uint8_t>(from);
    case GgufKind::kInt8: return load<int8_t>(from);
    case GgufKind::kUint16: return load<uint16_t>(from);
    case GgufKind::kInt16: return load<int16_t>(from);
    case GgufKind::kUint32: return load<uint32_t>(from);
    case GgufKind::kInt32: return load<int32_t>(from);
    case GgufKind::kInt64: return load<int64_t>(from);
    default: break;
  }
  const uint64_t wide = load<uint64_t>(from);
  if (wide > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    throw ConfigError(path().string() + ": metadata '" + key + "': " + std::to_string(wide) + " is too large");
  }
  return static_cast<int64_t>(wide);
}

double GgufFile::number_at(const std::string& key, GgufKind kind, size_t begin) const {
  if (kind == GgufKind::kFloat32) return load<float>(map_.data() + begin);
  if (kind == GgufKind::kFloat64) return load<double>(map_.data() + begin);
  return static_cast<double>(integer_at(key, kind, begin));
}

std::string GgufFile::text(const std::string& key) const {
  const Value& found = value(key);
  if (found.kind != GgufKind::kString) wrong_kind(key, "a string");
  size_t begin = found.begin;
  return std::string(next_string(map_, begin));
}

int64_t GgufFile::integer(const std::string& key) const {
  const Value& found = value(key);
  if (!is_integer(found.kind)) wrong_kind(key, "an integer");
  return integer_at(key, found.kind, found.begin);
}

double GgufFile::number(const std::string& key) const {
  const Value& found = value(key);
  if (!is_number(found.kind)) wrong_kind(key, "a number");
  return number_at(key, found.kind, found.begin);
}

bool GgufFile::flag(const std::string& key) const {
  const Value& found = value(key);
  if (found.kind != GgufKind::kBool) wrong_kind(key, "a boolean");
  return load<uint8_t>(map_.data() + found.begin) != 0;
}

std::vector<std::string_view> GgufFile::text_views(const std::string& key) const {
  const Value& found = array(key, "an array of strings");
  if (found.element != GgufKind::kString) wrong_kind(key, "an array of strings");
  std::vector<std::string_view> views;
  views.reserve(static_cast<size_t>(found.length));
  size_t begin = found.begin;
  for (uint64_t i = 0; i < found.length; ++i) views.push_back(next_string(map_, begin));
  return views;
}

std::vector<std::string> GgufFile::texts(const std::string& key) const {
  const std::vector<std::string_view> views = text_views(key);
  return {views.begin(), views.end()};
}

std::vector<int64_t> GgufFile::integers(const std::string& key) const {
  const Value& found = array(key, "an array of integers");
  if (!is_integer(found.element)) wrong_kind(key, "an array of integers");
  std::vector<int64_t> values(static_cast<size_t>(found.length));
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = integer_at(key, found.element, found.begin + i * scalar_bytes(found.element));
  }
  return values;
}

std::vector<double> GgufFile::numbers(const std::string& key) const {
  const Value& found = array(key, "an array of numbers");
  if (!is_number(found.element)) wrong_kind(key, "an array of numbers");
  std::vector<double> values(static_cast<size_t>(found.length));
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = number_at(key, found.element, found.begin + i * scalar_bytes(found.element));
  }
  return values;
}

std::vector<std::vector<double>> GgufFile::number_lists(const std::string& key) const {
  const Value& found = array(key, "an array of arrays of numbers");
  if (found.element != GgufKind::kArray) wrong_kind(key, "an array of arrays of numbers");
  std::vector<std::vector<double>> lists;
  size_t begin = found.begin;
  for (uint64_t i = 0; i < found.length; ++i) {
    const auto element = static_cast<GgufKind>(load<uint32_t>(map_.data() + begin));
    if (!is_number(element)) wrong_kind(key, "an array of arrays of numbers");
    std::vector<double> values(static_cast<size_t>(load<uint64_t>(map_.data() + begin + sizeof(uint32_t))));
    begin += sizeof(uint32_t) + sizeof(uint64_t);
    for (double& value : values) {
      value = number_at(key, element, begin);
      begin += scalar_bytes(element);
    }
    lists.push_back(std::move(values));
  }
  return lists;
}

const GgufTensor* GgufFile::find(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

const GgufTensor& GgufFile::at(const std::string& name) const {
  const GgufTensor* tensor = find(name);
  if (tensor != nullptr) return *tensor;
  std::vector<std::string> names;
  for (const GgufTensor& known : tensors_) names.push_back(known.name);
  const std::string near = nearest(name, names);
  throw ConfigError(path().string() + ": has no tensor '" + name + "'" +
                    (near.empty() ? "" : "; the nearest is '" + near + "'"));
}

}  // namespace peftlab::io
