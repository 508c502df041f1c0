// GGUF, versions 2 and 3, little-endian: typed metadata and tensors of ggml's types, in one mapped file.
// Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/io/ggml_types.h"
#include "core/io/mapped_file.h"

namespace peftlab::io {

/// The numbers are those of the files.
enum class GgufKind : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12
};

/// "uint32".
std::string name(GgufKind kind);

/// Looks at bytes that somebody else owns.
struct GgufTensor {
  std::string name;
  GgmlType type = GgmlType::kF32;
  std::vector<int64_t> shape;  // row-major: the file's order turned round, so that the last dimension is contiguous
  const std::byte* data = nullptr;
  size_t bytes = 0;

  size_t num_elements() const;
};

/// Checks every count, length and offset against the size of the file before anything is allocated for it, and every
/// string for UTF-8. Metadata stays in the map until it is asked for: opening costs one walk over the header. Views
/// stay valid as long as the file lives, also after a move.
class GgufFile {
 public:
  /// Throws ConfigError: path, key or tensor, what was got, what is expected. Refused by name: version 1, big-endian
  /// files, parts of a split model, unknown types.
  explicit GgufFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return map_.path(); }
  void release_pages() const { map_.release_pages(); }
  uint32_t version() const { return version_; }
  uint64_t alignment() const { return alignment_; }

  bool has(const std::string& key) const { return values_.contains(key); }
  /// In the order of the file.
  const std::vector<std::string>& keys() const { return keys_; }
  /// The kind of a value, and of the elements of an array. Throw ConfigError for an absent key.
  GgufKind kind(const std::string& key) const;
  GgufKind element_kind(const std::string& key) const;
  /// Elements of an array; 1 for everything else.
  uint64_t length(const std::string& key) const;

  /// Each throws ConfigError naming path and key when the key is absent, and the kinds when the value is of another
  /// one. Integers of any width are one kind to them, so are floats; `number` and `numbers` take integers too.
  std::string text(const std::string& key) const;
  int64_t integer(const std::string& key) const;
  double number(const std::string& key) const;
  bool flag(const std::string& key) const;
  std::vector<std::string> texts(const std::string& key) const;
  std::vector<int64_t> integers(const std::string& key) const;
  std::vector<double> numbers(const std::string& key) const;
  /// Lists of lists of numbers, one level deep.
  std::vector<std::vector<double>> number_lists(const std::string& key) const;
  /// Like texts, without copies.
  std::vector<std::string_view> text_views(const std::string& key) const;

  /// The same with a value for an absent key; a value of the wrong kind still throws.
  std::string text(const std::string& key, const std::string& fallback) const {
    return has(key) ? text(key) : fallback;
  }
  int64_t integer(const std::string& key, int64_t fallback) const { return has(key) ? integer(key) : fallback; }
  double number(const std::string& key, double fallback) const { return has(key) ? number(key) : fallback; }
  bool flag(const std::string& key, bool fallback) const { return has(key) ? flag(key) : fallback; }

  /// In the order of the file.
  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  /// Null when there is none of that name.
  const GgufTensor* find(const std::string& name) const;
  /// Like find; throws ConfigError naming the path and the nearest name.
  const GgufTensor& at(const std::string& name) const;

 private:
  /// Where a value stands. Elements of an array begin at `begin`.
  struct Value {
    GgufKind kind = GgufKind::kUint8;
    GgufKind element = GgufKind::kUint8;
    uint64_t length = 1;
    size_t begin = 0;
  };

  friend class GgufParser;
  const Value& value(const std::string& key) const;
  const Value& array(const std::string& key, const char* expected) const;
  [[noreturn]] void wrong_kind(const std::string& key, const std::string& expected) const;
  double number_at(const std::string& key, GgufKind kind, size_t begin) const;
  int64_t integer_at(const std::string& key, GgufKind kind, size_t begin) const;

  MappedFile map_;
  uint32_t version_ = 0;
  uint64_t alignment_ = 32;
  std::vector<std::string> keys_;
  std::unordered_map<std::string, Value> values_;
  std::vector<GgufTensor> tensors_;
  std::unordered_map<std::string, size_t> index_;
};

/// What write_gguf can write as metadata.
using GgufValue = std::variant<bool, uint32_t, int32_t, uint64_t, int64_t, float, double, std::string,
                               std::vector<std::string>, std::vector<int32_t>, std::vector<float>>;
using GgufMetadata = std::vector<std::pair<std::string, GgufValue>>;

/// Writes version 3, alignment 32, atomically (files.h), everything in the order given. Throws RunError when the disk
/// refuses or `path` is mapped in this process; std::invalid_argument for a key or name given twice or empty, strings
/// that are not UTF-8, more than four dimensions, rows that are no whole blocks, or bytes that do not fit the shape.
void write_gguf(const std::filesystem::path& path, const GgufMetadata& metadata,
                const std::vector<GgufTensor>& tensors);

}  // namespace peftlab::io
