// The alphabet of byte-level vocabularies: printable bytes stand for themselves, the others for U+0100 and on, in
// order.
#include <array>

#include "core/text/tokenizer/splitter.h"
#include "core/text/unicode.h"

namespace peftlab::text {

namespace {

constexpr char32_t kEnd = 0x100 + 68;  // 68 bytes are not printable

bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

struct Alphabet {
  std::array<std::string, 256> character_of;
  std::array<int, kEnd> byte_of;

  Alphabet() {
    byte_of.fill(-1);
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const char32_t c = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
      append_utf8(character_of[static_cast<size_t>(byte)], c);
      byte_of[c] = byte;
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet made;
  return made;
}

}  // namespace

int byte_of_character(char32_t c) { return c < kEnd ? alphabet().byte_of[c] : -1; }

const std::string& character_of_byte(unsigned char byte) { return alphabet().character_of[byte]; }

}  // namespace peftlab::text
