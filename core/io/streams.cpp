#include "core/io/streams.h"

#include <string>

#include "core/io/sha256.h"

namespace peftlab::io {

uint64_t stream_seed(uint64_t seed, std::string_view stream, std::string_view name, uint64_t index) {
  const std::string zero(1, '\0');
  std::string text = "peftlab" + zero + std::to_string(seed) + zero;
  text.append(stream).append(zero).append(name).append(zero).append(std::to_string(index));
  const std::string hex = sha256_hex(text);
  uint64_t value = 0;
  for (int byte = 7; byte >= 0; --byte) value = value << 8 | std::stoul(hex.substr(2 * byte, 2), nullptr, 16);
  return value;
}

}  // namespace peftlab::io
