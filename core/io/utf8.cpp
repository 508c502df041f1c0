#include "core/io/utf8.h"

#include <cstdint>
#include <cstring>

namespace peftlab::io {
namespace {

uint8_t byte_at(std::string_view text, size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0; }

bool continues(uint8_t byte, uint8_t least = 0x80, uint8_t most = 0xBF) { return byte >= least && byte <= most; }

/// Length of the sequence at `i`, or 0. The table is RFC 3629, section 4.
size_t sequence_length(std::string_view text, size_t i) {
  const uint8_t lead = byte_at(text, i), second = byte_at(text, i + 1);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  if (lead < 0xE0) return continues(second) ? 2 : 0;
  if (lead < 0xF0) {
    const uint8_t least = lead == 0xE0 ? 0xA0 : 0x80, most = lead == 0xED ? 0x9F : 0xBF;
    return continues(second, least, most) && continues(byte_at(text, i + 2)) ? 3 : 0;
  }
  const uint8_t least = lead == 0xF0 ? 0x90 : 0x80, most = lead == 0xF4 ? 0x8F : 0xBF;
  return continues(second, least, most) && continues(byte_at(text, i + 2)) && continues(byte_at(text, i + 3)) ? 4 : 0;
}

}  // namespace

size_t first_invalid_utf8(std::string_view text) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  for (size_t i = 0; i < text.size();) {
    uint64_t eight = kHighBits;
    if (text.size() - i >= sizeof eight) std::memcpy(&eight, text.data() + i, sizeof eight);
    if ((eight & kHighBits) == 0) {
      i += sizeof eight;
      continue;
    }
    const size_t length = sequence_length(text, i);
    if (length == 0) return i;
    i += length;
  }
  return std::string_view::npos;
}

}  // namespace peftlab::io
