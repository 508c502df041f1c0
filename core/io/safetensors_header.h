// The JSON header of a safetensors file, read as events: no tree of it is ever built.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/safetensors.h"

namespace peftlab::io {

struct HeaderEntry {
  std::string name;
  Dtype dtype = Dtype::kF32;
  std::vector<int64_t> shape;
  uint64_t begin = 0;  // offsets from the start of the data
  uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<HeaderEntry> entries;
  std::map<std::string, std::string> metadata;
};

/// Throws ConfigError beginning with `path`: JSON that is broken, not UTF-8, deeper than the format, a key twice or
/// unknown, a value of the wrong kind. Offsets and shapes are as written; the caller checks them against the data.
SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& path);

}  // namespace peftlab::io
