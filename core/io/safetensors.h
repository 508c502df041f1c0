// The safetensors format: u64 N | N bytes of JSON | data. Every length, offset and shape is checked against the size of
// the file before anything is allocated. Source: https://github.com/huggingface/safetensors (README, "Format").
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/io/mapped_file.h"

namespace peftlab::io {

enum class Dtype {
  kBool,
  kF4,
  kF6E2M3,
  kF6E3M2,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kF8E8M0,
  kF8E4M3FNUZ,
  kF8E5M2FNUZ,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kC64,
  kF64,
  kI64,
  kU64
};

/// As the format writes it: "BF16".
std::string dtype_name(Dtype dtype);
std::optional<Dtype> dtype_named(const std::string& name);
/// Bits an element takes: 4 for F4, 8 for BOOL, 64 for C64.
int64_t dtype_bits(Dtype dtype);

/// Looks at bytes that somebody else owns. Row-major; no dimensions: one element; the data may stand unaligned.
struct TensorView {
  std::string name;
  Dtype dtype = Dtype::kF32;
  std::vector<int64_t> shape;
  const std::byte* data = nullptr;
  size_t bytes = 0;
};

/// Bytes of a tensor, or nothing where a dimension is negative, the product overflows or the bits fill no whole bytes.
std::optional<uint64_t> tensor_bytes(Dtype dtype, const std::vector<int64_t>& shape);

/// One mapped file. Views stay valid as long as it lives, also after a move.
class SafetensorsFile {
 public:
  /// Throws ConfigError: path, tensor, what was got, what is expected.
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return map_.path(); }
  void release_pages() const { map_.release_pages(); }
  /// In the order of the header.
  const std::vector<TensorView>& tensors() const { return tensors_; }
  std::vector<std::string> names() const;
  /// Null when there is none of that name.
  const TensorView* find(const std::string& name) const;
  /// Like find; throws ConfigError naming the path and the nearest name.
  const TensorView& at(const std::string& name) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  MappedFile map_;
  std::vector<TensorView> tensors_;
  std::unordered_map<std::string, size_t> index_;
  std::map<std::string, std::string> metadata_;
};

/// The tensors of a model: one file, or a Hugging Face folder with model.safetensors, or with
/// model.safetensors.index.json and its shards. Read-only and movable like the files it holds.
class SafetensorsSet {
 public:
  /// `path`: a .safetensors file, an index, or a folder. Throws ConfigError: for what the files themselves do wrong;
  /// for an index that names files outside the folder, tensors its files lack, or leaves tensors out (all mistakes at
  /// once); for .bin, .pt, .pth and their like, which are pickles and run code when loaded, with the way to convert
  /// them.
  explicit SafetensorsSet(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const std::vector<SafetensorsFile>& files() const { return files_; }
  /// Files in order of their names, tensors in the order of their headers.
  std::vector<std::string> names() const;
  const TensorView* find(const std::string& name) const;
  const TensorView& at(const std::string& name) const;

 private:
  void open_index(const std::filesystem::path& index);
  void add_file(const std::filesystem::path& file);

  std::filesystem::path path_;
  std::vector<SafetensorsFile> files_;
};

/// Writes atomically (files.h), tensors by falling width and then name, so that all stand aligned; `metadata` as given
/// (say
/// {"format", "pt"} for transformers). Throws RunError when the disk refuses, or when `path` is a file that is mapped
/// in this process; std::invalid_argument for two tensors of one name, "__metadata__", names that are not UTF-8, or
/// bytes that do not fit the shape.
void write_safetensors(const std::filesystem::path& path, const std::vector<TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace peftlab::io
