#include "core/io/gguf_parser.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/io/utf8.h"
#include "peftlab/error.h"

namespace peftlab::io {
namespace {

static_assert(std::endian::native == std::endian::little, "the readers take bytes as they stand in the file");

constexpr int kMaxArrayDepth = 8;
constexpr uint32_t kMaxDimensions = 4;  // GGML_MAX_DIMS
// What an entry and a tensor take at least: their lengths, kinds and counts.
constexpr uint64_t kLeastEntryBytes = 8 + 4 + 1;
constexpr uint64_t kLeastTensorBytes = 8 + 4 + 4 + 8;
constexpr uint64_t kLeastAlignment = 8;
constexpr char kAlignmentKey[] = "general.alignment";

}  // namespace

size_t scalar_bytes(GgufKind kind) {
  static constexpr std::array<size_t, 13> kBytes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return kBytes[static_cast<size_t>(kind)];
}

std::optional<uint64_t> gguf_tensor_bytes(GgmlType type, const std::vector<int64_t>& shape) {
  const uint64_t row = shape.empty() ? 1 : static_cast<uint64_t>(shape.back());
  if (row % block_size(type) != 0) return std::nullopt;
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(row / block_size(type), block_bytes(type), &bytes)) return std::nullopt;
  uint64_t elements = row;
  for (size_t i = 0; i + 1 < shape.size(); ++i) {
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(shape[i]), &bytes)) return std::nullopt;
    if (__builtin_mul_overflow(elements, static_cast<uint64_t>(shape[i]), &elements)) return std::nullopt;
  }
  if (elements > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
  return bytes;
}

void GgufParser::fail(const std::string& what) const { throw ConfigError(path_ + ": " + what); }

void GgufParser::need(uint64_t size, const std::string& what) const {
  const uint64_t left = file_.map_.size() - at_;
  if (size > left) {
    fail(what + ": takes " + std::to_string(size) + " bytes, but only " + std::to_string(left) +
         " follow: the file is cut off " + "or lies");
  }
}

template <typename T>
T GgufParser::take(const std::string& what) {
  need(sizeof(T), what);
  T value;
  std::memcpy(&value, file_.map_.data() + at_, sizeof value);
  at_ += sizeof value;
  return value;
}

std::string_view GgufParser::take_string(const std::string& what) {
  const uint64_t size = take<uint64_t>(what);
  need(size, what);
  const std::string_view text = file_.map_.text(at_, static_cast<size_t>(size));
  if (!is_utf8(text)) fail(what + ": is not UTF-8");
  at_ += static_cast<size_t>(size);
  return text;
}

void GgufParser::run() {
  read_start();
  for (uint64_t i = 0; i < num_entries_; ++i) read_entry();
  read_alignment();
  if (file_.has("split.count") && file_.integer("split.count") > 1) {
    fail("is one part of a model split in " + std::to_string(file_.integer("split.count")) +
         "; join them first (llama-gguf-split --merge)");
  }
  if (num_tensors_ > (file_.map_.size() - at_) / kLeastTensorBytes) {
    fail("claims " + std::to_string(num_tensors_) + " tensors, more than fit in the file");
  }
  std::vector<uint64_t> offsets;
  for (uint64_t i = 0; i < num_tensors_; ++i) read_tensor(offsets);
  place_tensors(offsets);
  check_overlaps();
}

void GgufParser::read_start() {
  if (file_.map_.size() < 4 || file_.map_.text(0, 4) != "GGUF")
    fail("is no GGUF file: expected 'GGUF' as its first bytes");
  at_ = 4;
  file_.version_ = take<uint32_t>("version");
  // A small number written the other way round has its low half empty.
  if (file_.version_ != 0 && (file_.version_ & 0xFFFF) == 0) {
    fail("is a big-endian GGUF file; convert it to little-endian (gguf-convert-endian)");
  }
  if (file_.version_ != 2 && file_.version_ != 3) {
    fail("GGUF version " + std::to_string(file_.version_) + ", versions 2 and 3 are read");
  }
  num_tensors_ = take<uint64_t>("number of tensors");
  num_entries_ = take<uint64_t>("number of metadata entries");
  if (num_entries_ > (file_.map_.size() - at_) / kLeastEntryBytes) {
    fail("claims " + std::to_string(num_entries_) + " metadata entries, more than fit in the file");
  }
}

void GgufParser::read_entry() {
  const std::string key(take_string("key of metadata entry " + std::to_string(file_.keys_.size())));
  if (key.empty()) fail("metadata entry " + std::to_string(file_.keys_.size()) + ": its key is empty");
  const std::string what = "metadata '" + key + "'";
  GgufFile::Value value;
  value.kind = take_kind(what);
  value.begin = at_;
  if (value.kind == GgufKind::kArray) {
    value.element = take_kind(what);
    value.length = take<uint64_t>(what);
    const size_t elements = at_;
    at_ = value.begin;
    skip_array(what, 1);
    value.begin = elements;
  } else {
    skip_value(value.kind, what);
  }
  if (!file_.values_.emplace(key, value).second) fail(what + ": is given twice");
  file_.keys_.push_back(key);
}

GgufKind GgufParser::take_kind(const std::string& what) {
  const uint32_t number = take<uint32_t>(what);
  if (number > static_cast<uint32_t>(GgufKind::kFloat64)) fail(what + ": unknown value type " + std::to_string(number));
  return static_cast<GgufKind>(number);
}

void GgufParser::skip_value(GgufKind kind, const std::string& what) {
  if (kind == GgufKind::kString) {
    take_string(what);
  } else if (kind == GgufKind::kBool) {
    if (take<uint8_t>(what) > 1) fail(what + ": a boolean is neither 0 nor 1");
  } else {
    need(scalar_bytes(kind), what);
    at_ += scalar_bytes(kind);
  }
}

void GgufParser::skip_array(const std::string& what, int depth) {
  if (depth > kMaxArrayDepth) fail(what + ": lists nested deeper than " + std::to_string(kMaxArrayDepth));
  const GgufKind element = take_kind(what);
  const uint64_t length = take<uint64_t>(what);
  // Strings take at least the 8 bytes of their length, arrays 12.
  const size_t least = element == GgufKind::kString ? 8 : element == GgufKind::kArray ? 12 : scalar_bytes(element);
  if (length > (file_.map_.size() - at_) / least) {
    fail(what + ": claims " + std::to_string(length) + " elements, more than fit in the file");
  }
  if (element == GgufKind::kArray) {
    for (uint64_t i = 0; i < length; ++i) skip_array(what, depth + 1);
  } else if (element == GgufKind::kString || element == GgufKind::kBool) {
    for (uint64_t i = 0; i < length; ++i) skip_value(element, what);
  } else {
    at_ += static_cast<size_t>(length) * least;
  }
}

void GgufParser::read_alignment() {
  if (!file_.has(kAlignmentKey)) return;
  if (file_.kind(kAlignmentKey) != GgufKind::kUint32) {
    fail(std::string("metadata '") + kAlignmentKey + "': expected uint32, got " + name(file_.kind(kAlignmentKey)));
  }
  file_.alignment_ = static_cast<uint64_t>(file_.integer(kAlignmentKey));
  if (file_.alignment_ < kLeastAlignment || !std::has_single_bit(file_.alignment_)) {
    fail(std::string("metadata '") + kAlignmentKey + "': got " + std::to_string(file_.alignment_) +
         ", expected a power of two from 8 on");
  }
}

void GgufParser::read_tensor(std::vector<uint64_t>& offsets) {
  GgufTensor tensor;
  tensor.name = take_string("name of tensor " + std::to_string(file_.tensors_.size()));
  const std::string what = "tensor '" + tensor.name + "'";
  if (tensor.name.empty()) fail("tensor " + std::to_string(file_.tensors_.size()) + ": its name is empty");
  const uint32_t num_dimensions = take<uint32_t>(what);
  if (num_dimensions > kMaxDimensions) {
    fail(what + ": has " + std::to_string(num_dimensions) + " dimensions, at most " + std::to_string(kMaxDimensions) +
         " are allowed");
  }
  for (uint32_t i = 0; i < num_dimensions; ++i) {
    const uint64_t dimension = take<uint64_t>(what);
    if (dimension > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      fail(what + ": dimension " + std::to_string(dimension) + " is too large");
    }
    tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(dimension));
  }
  const uint32_t number = take<uint32_t>(what);
  const std::optional<GgmlType> type = ggml_type(number);
  if (!type) fail(what + ": unknown tensor type " + std::to_string(number));
  tensor.type = *type;
  offsets.push_back(take<uint64_t>(what));
  const std::optional<uint64_t> bytes = gguf_tensor_bytes(tensor.type, tensor.shape);
  if (!bytes) fail(what + ": its shape overflows or its rows are no whole blocks of " + name(tensor.type));
  tensor.bytes = static_cast<size_t>(*bytes);
  if (!file_.index_.emplace(tensor.name, file_.tensors_.size()).second) fail(what + ": is given twice");
  file_.tensors_.push_back(std::move(tensor));
}

void GgufParser::place_tensors(const std::vector<uint64_t>& offsets) {
  if (offsets.empty()) return;
  const uint64_t begin = (at_ + file_.alignment_ - 1) / file_.alignment_ * file_.alignment_;
  const uint64_t room = begin > file_.map_.size() ? 0 : file_.map_.size() - begin;
  for (size_t i = 0; i < offsets.size(); ++i) {
    GgufTensor& tensor = file_.tensors_[i];
    const std::string what = "tensor '" + tensor.name + "'";
    if (offsets[i] % file_.alignment_ != 0) {
      fail(what + ": offset " + std::to_string(offsets[i]) + " is no multiple of the alignment " +
           std::to_string(file_.alignment_));
    }
    if (offsets[i] > room || tensor.bytes > room - offsets[i]) {
      fail(what + ": takes " + std::to_string(tensor.bytes) + " bytes from " + std::to_string(offsets[i]) +
           " on, but the data has " + std::to_string(room) + ": the file is cut off or lies");
    }
    tensor.data = file_.map_.data() + begin + offsets[i];
  }
}

void GgufParser::check_overlaps() const {
  std::vector<const GgufTensor*> order;
  for (const GgufTensor& tensor : file_.tensors_) {
    if (tensor.bytes > 0) order.push_back(&tensor);
  }
  std::sort(order.begin(), order.end(), [](const GgufTensor* a, const GgufTensor* b) { return a->data < b->data; });
  for (size_t i = 1; i < order.size(); ++i) {
    if (order[i - 1]->data + order[i - 1]->bytes > order[i]->data) {
      fail("tensors '" + order[i - 1]->name + "' and '" + order[i]->name + "' overlap");
    }
  }
}

}  // namespace peftlab::io
