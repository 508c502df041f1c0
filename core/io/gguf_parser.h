// The walk over a GGUF header that fills a GgufFile.
#pragma once

#include <string>
#include <string_view>

#include "core/io/gguf.h"

namespace peftlab::io {

class GgufParser {
 public:
  explicit GgufParser(GgufFile& file) : file_(file), path_(file.path().string()) {}

  /// Throws ConfigError, see GgufFile.
  void run();

 private:
  [[noreturn]] void fail(const std::string& what) const;
  /// Throws unless `size` bytes are left; `what` names them.
  void need(uint64_t size, const std::string& what) const;
  template <typename T>
  T take(const std::string& what);
  std::string_view take_string(const std::string& what);
  void read_start();
  void read_entry();
  GgufKind take_kind(const std::string& what);
  void skip_value(GgufKind kind, const std::string& what);
  void skip_array(const std::string& what, int depth);
  void read_alignment();
  void read_tensor(std::vector<uint64_t>& offsets);
  void place_tensors(const std::vector<uint64_t>& offsets);
  void check_overlaps() const;

  GgufFile& file_;
  std::string path_;
  size_t at_ = 0;
  uint64_t num_tensors_ = 0;
  uint64_t num_entries_ = 0;
};

/// Bytes of a scalar of this kind; 0 for strings and arrays.
size_t scalar_bytes(GgufKind kind);

/// Bytes of a tensor whose last dimension is contiguous, or nothing where the product overflows or rows are no whole
/// blocks.
std::optional<uint64_t> gguf_tensor_bytes(GgmlType type, const std::vector<int64_t>& shape);

}  // namespace peftlab::io
