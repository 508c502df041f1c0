#include <algorithm>
#include <set>
#include <stdexcept>

#include "core/io/files.h"
#include "core/io/json.h"
#include "core/io/safetensors.h"
#include "core/io/utf8.h"
#include "peftlab/error.h"

namespace peftlab::io {
namespace {

constexpr size_t kHeaderAlignment = 8;

void check(const std::vector<TensorView>& tensors, const std::map<std::string, std::string>& metadata) {
  std::set<std::string> names;
  for (const TensorView& tensor : tensors) {
    const std::string where = "write_safetensors: tensor '" + tensor.name + "': ";
    if (!names.insert(tensor.name).second) throw std::invalid_argument(where + "given twice");
    if (tensor.name == "__metadata__" || !is_utf8(tensor.name)) throw std::invalid_argument(where + "not a name");
    const std::optional<uint64_t> expected = tensor_bytes(tensor.dtype, tensor.shape);
    if (!expected || *expected != tensor.bytes) throw std::invalid_argument(where + "bytes and shape do not fit");
  }
  for (const auto& [key, value] : metadata) {
    if (!is_utf8(key) || !is_utf8(value))
      throw std::invalid_argument("write_safetensors: metadata '" + key + "': not UTF-8");
  }
}

std::vector<const TensorView*> ordered(const std::vector<TensorView>& tensors) {
  std::vector<const TensorView*> order;
  for (const TensorView& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const TensorView* a, const TensorView* b) {
    const int64_t wide_a = dtype_bits(a->dtype), wide_b = dtype_bits(b->dtype);
    return wide_a != wide_b ? wide_a > wide_b : a->name < b->name;
  });
  return order;
}

std::string header_of(const std::vector<const TensorView*>& order, const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t offset = 0;
  // ordered_json looks every key up by walking: the entries are set as one list of pairs instead.
  auto& entries = header.get_ref<Json::object_t&>();
  for (const TensorView* tensor : order) {
    entries.push_back({tensor->name, Json{{"dtype", dtype_name(tensor->dtype)},
                                          {"shape", tensor->shape},
                                          {"data_offsets", {offset, offset + tensor->bytes}}}});
    offset += tensor->bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + kHeaderAlignment - 1) / kHeaderAlignment * kHeaderAlignment, ' ');
  return text;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const std::vector<TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  check(tensors, metadata);
  if (is_mapped(path)) {
    throw RunError(path.string() + ": is being read by this process and is not overwritten; choose another path");
  }
  const std::vector<const TensorView*> order = ordered(tensors);
  const std::string header = header_of(order, metadata);
  const uint64_t header_size = header.size();
  uint64_t total = sizeof header_size + header_size;
  for (const TensorView* tensor : order) total += tensor->bytes;
  AtomicFile file(path, total);
  file.write(&header_size, sizeof header_size);
  file.write(header);
  for (const TensorView* tensor : order) file.write(tensor->data, tensor->bytes);
  file.commit();
}

}  // namespace peftlab::io
