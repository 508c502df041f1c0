#include "core/io/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <numeric>

#include "core/io/json.h"
#include "core/io/safetensors_header.h"
#include "peftlab/error.h"

namespace peftlab::io {
namespace {

static_assert(std::endian::native == std::endian::little, "the readers take bytes as they stand in the file");

constexpr uint64_t kMaxHeaderBytes = 100'000'000;

struct DtypeFacts {
  Dtype dtype;
  const char* name;
  int64_t bits;
};

constexpr std::array<DtypeFacts, 22> kDtypes = {{
    {Dtype::kBool, "BOOL", 8},
    {Dtype::kF4, "F4", 4},
    {Dtype::kF6E2M3, "F6_E2M3", 6},
    {Dtype::kF6E3M2, "F6_E3M2", 6},
    {Dtype::kU8, "U8", 8},
    {Dtype::kI8, "I8", 8},
    {Dtype::kF8E5M2, "F8_E5M2", 8},
    {Dtype::kF8E4M3, "F8_E4M3", 8},
    {Dtype::kF8E8M0, "F8_E8M0", 8},
    {Dtype::kF8E4M3FNUZ, "F8_E4M3FNUZ", 8},
    {Dtype::kF8E5M2FNUZ, "F8_E5M2FNUZ", 8},
    {Dtype::kI16, "I16", 16},
    {Dtype::kU16, "U16", 16},
    {Dtype::kF16, "F16", 16},
    {Dtype::kBF16, "BF16", 16},
    {Dtype::kI32, "I32", 32},
    {Dtype::kU32, "U32", 32},
    {Dtype::kF32, "F32", 32},
    {Dtype::kC64, "C64", 64},
    {Dtype::kF64, "F64", 64},
    {Dtype::kI64, "I64", 64},
    {Dtype::kU64, "U64", 64},
}};

const DtypeFacts& facts(Dtype dtype) { return kDtypes[static_cast<size_t>(dtype)]; }

uint64_t header_bytes(const MappedFile& map) {
  const std::string path = map.path().string();
  // A header of 128 bytes, or 128 more than a multiple of 256, begins with a pickle's first byte too; its JSON tells them apart.
  const bool looks_right = map.size() > 8 && map.data()[8] == std::byte{'{'};
  if (!looks_right && map.size() >= 4 && (map.text(0, 4) == std::string_view("PK\3\4") || map.data()[0] == std::byte{0x80})) {
    throw ConfigError(path +
                      ": is a pickle or zip file, not safetensors; pickles run code when loaded and are never read; "
                      "save the model with save_pretrained(..., safe_serialization=True)");
  }
  uint64_t size = 0;
  if (map.size() < sizeof size) {
    throw ConfigError(path + ": has " + std::to_string(map.size()) + " bytes, a safetensors file has at least 8");
  }
  std::memcpy(&size, map.data(), sizeof size);
  if (size > kMaxHeaderBytes) {
    throw ConfigError(path + ": header of " + std::to_string(size) + " bytes, at most " +
                      std::to_string(kMaxHeaderBytes) + " are allowed");
  }
  if (size > map.size() - sizeof size) {
    throw ConfigError(path + ": header of " + std::to_string(size) + " bytes, but only " +
                      std::to_string(map.size() - sizeof size) + " follow: the file is cut off");
  }
  return size;
}

void check_tensor(const HeaderEntry& entry, const std::string& where) {
  if (entry.end < entry.begin) {
    throw ConfigError(where + "data_offsets [" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) +
                      "] end before they begin");
  }
  const std::optional<uint64_t> expected = tensor_bytes(entry.dtype, entry.shape);
  if (!expected) throw ConfigError(where + "the shape overflows or fills no whole bytes");
  if (entry.end - entry.begin != *expected) {
    throw ConfigError(where + "data_offsets span " + std::to_string(entry.end - entry.begin) +
                      " bytes, shape and dtype take " + std::to_string(*expected));
  }
}

/// Sorted by offset, the tensors must fill [0, data_bytes) with no hole and no overlap.
void check_tiling(const std::vector<HeaderEntry>& entries, uint64_t data_bytes, const std::string& path) {
  std::vector<size_t> order(entries.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::pair(entries[a].begin, entries[a].end) < std::pair(entries[b].begin, entries[b].end);
  });
  uint64_t reached = 0;
  for (const size_t i : order) {
    if (entries[i].begin != reached) {
      throw ConfigError(path + ": tensor '" + entries[i].name + "': begins at byte " +
                        std::to_string(entries[i].begin) + " of the data, expected " + std::to_string(reached) +
                        (entries[i].begin < reached ? ": tensors overlap" : ": there is a hole before it"));
    }
    reached = entries[i].end;
  }
  if (reached != data_bytes) {
    throw ConfigError(path + ": holds " + std::to_string(data_bytes) + " bytes of data, its tensors take " +
                      std::to_string(reached) + (reached > data_bytes ? ": the file is cut off" : ""));
  }
}

}  // namespace

std::string dtype_name(Dtype dtype) { return facts(dtype).name; }

std::optional<Dtype> dtype_named(const std::string& name) {
  for (const DtypeFacts& known : kDtypes) {
    if (name == known.name) return known.dtype;
  }
  return std::nullopt;
}

int64_t dtype_bits(Dtype dtype) { return facts(dtype).bits; }

std::optional<uint64_t> tensor_bytes(Dtype dtype, const std::vector<int64_t>& shape) {
  int64_t bits = dtype_bits(dtype);
  bool zero = false;
  for (const int64_t dimension : shape) {
    if (dimension < 0) return std::nullopt;
    zero = zero || dimension == 0;
    // Dimensions whose product overflows are refused also where one of them is zero, whatever their order.
    if (dimension != 0 && __builtin_mul_overflow(bits, dimension, &bits)) return std::nullopt;
  }
  if (zero) return 0;
  if (bits % 8 != 0) return std::nullopt;
  return static_cast<uint64_t>(bits / 8);
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : map_(path) {
  const uint64_t size = header_bytes(map_);
  const size_t data_begin = sizeof(uint64_t) + static_cast<size_t>(size);
  const uint64_t data_bytes = map_.size() - data_begin;
  SafetensorsHeader header = parse_safetensors_header(map_.text(sizeof(uint64_t), size), path.string());
  for (const HeaderEntry& entry : header.entries)
    check_tensor(entry, path.string() + ": tensor '" + entry.name + "': ");
  check_tiling(header.entries, data_bytes, path.string());
  metadata_ = std::move(header.metadata);
  tensors_.reserve(header.entries.size());
  for (HeaderEntry& entry : header.entries) {
    index_.emplace(entry.name, tensors_.size());
    tensors_.push_back({std::move(entry.name), entry.dtype, std::move(entry.shape),
                        map_.data() + data_begin + entry.begin, static_cast<size_t>(entry.end - entry.begin)});
  }
}

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const TensorView& tensor : tensors_) names.push_back(tensor.name);
  return names;
}

const TensorView* SafetensorsFile::find(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

const TensorView& SafetensorsFile::at(const std::string& name) const {
  const TensorView* tensor = find(name);
  if (tensor != nullptr) return *tensor;
  const std::string near = nearest(name, names());
  throw ConfigError(path().string() + ": has no tensor '" + name + "'" +
                    (near.empty() ? "" : "; the nearest is '" + near + "'"));
}

}  // namespace peftlab::io
