#include <cstring>
#include <set>
#include <stdexcept>

#include "core/io/files.h"
#include "core/io/gguf.h"
#include "core/io/gguf_parser.h"
#include "core/io/utf8.h"
#include "peftlab/error.h"

namespace peftlab::io {
namespace {

constexpr uint32_t kVersion = 3;
constexpr size_t kAlignment = 32;
constexpr size_t kMostDimensions = 4;

size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/// Builds the header in memory; its metadata is small beside the tensors.
class Header {
 public:
  template <typename T>
  void put(const T& value) {
    static_assert(std::is_arithmetic_v<T>);
    const size_t begin = bytes_.size();
    bytes_.resize(begin + sizeof value);
    std::memcpy(bytes_.data() + begin, &value, sizeof value);
  }
  void put(const std::string& text) {
    if (!is_utf8(text)) throw std::invalid_argument("write_gguf: '" + text + "' is not UTF-8");
    put(static_cast<uint64_t>(text.size()));
    bytes_ += text;
  }
  void put_kind(GgufKind kind) { put(static_cast<uint32_t>(kind)); }
  void put_value(const GgufValue& value) {
    std::visit([this](const auto& held) { put_held(held); }, value);
  }
  void pad() { bytes_.resize(aligned(bytes_.size()), '\0'); }
  const std::string& bytes() const { return bytes_; }

 private:
  static GgufKind kind_of(bool) { return GgufKind::kBool; }
  static GgufKind kind_of(uint32_t) { return GgufKind::kUint32; }
  static GgufKind kind_of(int32_t) { return GgufKind::kInt32; }
  static GgufKind kind_of(uint64_t) { return GgufKind::kUint64; }
  static GgufKind kind_of(int64_t) { return GgufKind::kInt64; }
  static GgufKind kind_of(float) { return GgufKind::kFloat32; }
  static GgufKind kind_of(double) { return GgufKind::kFloat64; }
  static GgufKind kind_of(const std::string&) { return GgufKind::kString; }

  template <typename T>
  void put_held(const T& held) {
    put_kind(kind_of(held));
    put(held);
  }
  template <typename T>
  void put_held(const std::vector<T>& held) {
    put_kind(GgufKind::kArray);
    put_kind(kind_of(T{}));
    put(static_cast<uint64_t>(held.size()));
    for (const T& element : held) put(element);
  }

  std::string bytes_;
};

void check(const GgufMetadata& metadata, const std::vector<GgufTensor>& tensors) {
  std::set<std::string> keys, names;
  for (const auto& [key, value] : metadata) {
    if (key.empty() || !keys.insert(key).second)
      throw std::invalid_argument("write_gguf: key '" + key + "' is empty or given twice");
  }
  if (keys.contains("general.alignment")) throw std::invalid_argument("write_gguf: the alignment is 32");
  for (const GgufTensor& tensor : tensors) {
    const std::string where = "write_gguf: tensor '" + tensor.name + "': ";
    if (tensor.name.empty() || !names.insert(tensor.name).second)
      throw std::invalid_argument(where + "empty or given twice");
    if (tensor.shape.size() > kMostDimensions) throw std::invalid_argument(where + "more than four dimensions");
    for (const int64_t dimension : tensor.shape) {
      if (dimension < 0) throw std::invalid_argument(where + "negative dimension");
    }
    const std::optional<uint64_t> expected = gguf_tensor_bytes(tensor.type, tensor.shape);
    if (!expected || *expected != tensor.bytes) throw std::invalid_argument(where + "bytes and shape do not fit");
  }
}

std::string header_of(const GgufMetadata& metadata, const std::vector<GgufTensor>& tensors) {
  Header header;
  for (const char letter : {'G', 'G', 'U', 'F'}) header.put(letter);
  header.put(kVersion);
  header.put(static_cast<uint64_t>(tensors.size()));
  header.put(static_cast<uint64_t>(metadata.size()));
  for (const auto& [key, value] : metadata) {
    header.put(key);
    header.put_value(value);
  }
  uint64_t offset = 0;
  for (const GgufTensor& tensor : tensors) {
    header.put(tensor.name);
    header.put(static_cast<uint32_t>(tensor.shape.size()));
    for (auto it = tensor.shape.rbegin(); it != tensor.shape.rend(); ++it) header.put(static_cast<uint64_t>(*it));
    header.put(static_cast<uint32_t>(tensor.type));
    header.put(offset);
    offset += aligned(tensor.bytes);
  }
  header.pad();
  return header.bytes();
}

}  // namespace

void write_gguf(const std::filesystem::path& path, const GgufMetadata& metadata,
                const std::vector<GgufTensor>& tensors) {
  check(metadata, tensors);
  if (is_mapped(path)) {
    throw RunError(path.string() + ": is being read by this process and is not overwritten; choose another path");
  }
  const std::string header = header_of(metadata, tensors);
  uint64_t total = header.size();
  for (const GgufTensor& tensor : tensors) total += aligned(tensor.bytes);
  AtomicFile file(path, total);
  file.write(header);
  for (const GgufTensor& tensor : tensors) {
    file.write(tensor.data, tensor.bytes);
    file.write(std::string(aligned(tensor.bytes) - tensor.bytes, '\0'));
  }
  file.commit();
}

}  // namespace peftlab::io
