#include "core/data/records/characters.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace peftlab::data {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

/// Bytes of the character at `at` (0 where the bytes are not UTF-8).
size_t decode(std::string_view text, size_t at, utf8proc_int32_t& code) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const utf8proc_ssize_t used = utf8proc_iterate(bytes + at, static_cast<utf8proc_ssize_t>(text.size() - at), &code);
  return used > 0 ? static_cast<size_t>(used) : 0;
}

// In the order of utf8proc_category_t.
constexpr std::array<std::string_view, 30> kCategories = {"Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd",
                                                          "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm",
                                                          "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co"};

utf8proc_category_t category_number(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

bool is_space(char32_t c) {
  if ((c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85) return true;
  const auto category = category_number(c);
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
}

/// Where the character that ends before byte `at` begins.
size_t previous(std::string_view text, size_t at) {
  do --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return at;
}

bool is_invisible(char32_t c) {
  const std::string category = category_of(c);
  return category[0] == 'C' || category == "Zl" || category == "Zp" || (category == "Zs" && c != U' ');
}

struct LookAlikes {
  char32_t first, last;
  const char* why;
};

constexpr std::array kLookAlikes = {
    LookAlikes{0x2E80, 0x2FDF, "radical, looks like an ideograph"},
    LookAlikes{0x3100, 0x312F, "Bopomofo, may stand for an ideograph"},
    LookAlikes{0xF900, 0xFAFF, "compatibility ideograph, a second code for another one"},
    LookAlikes{0xFF01, 0xFF5E, "full-width form of an ASCII character"},
    LookAlikes{0x2F800, 0x2FA1F, "compatibility ideograph, a second code for another one"},
};

}  // namespace

char32_t next_character(std::string_view text, size_t& at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) {
    ++at;
    return byte;
  }
  utf8proc_int32_t code = 0;
  const size_t used = decode(text, at, code);
  at += used == 0 ? 1 : used;
  return used == 0 ? kReplacement : static_cast<char32_t>(code);
}

std::u32string to_characters(std::string_view text) {
  std::u32string result;
  for (size_t at = 0; at < text.size();) result.push_back(next_character(text, at));
  return result;
}

std::string to_utf8(char32_t character) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const utf8proc_ssize_t used = utf8proc_encode_char(static_cast<utf8proc_int32_t>(character), bytes.data());
  return {reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(std::max<utf8proc_ssize_t>(used, 0))};
}

std::string category_of(char32_t character) {
  return utf8proc_category_string(static_cast<utf8proc_int32_t>(character));
}

uint32_t category_bits(const std::string& name) {
  uint32_t bits = 0;
  for (size_t i = 0; i < kCategories.size(); ++i) {
    const std::string_view category = kCategories[i];
    if (name == category || (name.size() == 1 && name[0] == category[0])) bits |= uint32_t{1} << i;
  }
  return bits;
}

std::optional<std::string> suspicion_of(char32_t c) {
  if (c == kReplacement) return "stands for bytes that were lost";
  if (c == U'?' || c == 0xFF1F) return "may stand for a character that was lost";
  for (const LookAlikes& range : kLookAlikes) {
    if (c >= range.first && c <= range.last) return range.why;
  }
  if (c == U' ' || c == U'\n') return std::nullopt;
  const std::string category = category_of(c);
  if (category == "Co") return "private use, means nothing outside its font";
  if (category == "Cn") return "not assigned";
  if (category == "Cc") return "control character";
  if (category == "Cf") return "invisible";
  if (category[0] == 'Z') return "space that is not U+0020";
  return std::nullopt;
}

std::string code_point_name(char32_t character) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "U+%04X", static_cast<unsigned>(character));
  return text.data();
}

int display_width(std::string_view text) {
  int width = 0;
  for (size_t at = 0; at < text.size();) {
    width += utf8proc_charwidth(static_cast<utf8proc_int32_t>(next_character(text, at)));
  }
  return width;
}

std::string cut_to_width(std::string_view text, int columns) {
  if (display_width(text) <= columns) return std::string(text);
  size_t at = 0;
  int width = 0;
  while (at < text.size()) {
    size_t next = at;
    width += utf8proc_charwidth(static_cast<utf8proc_int32_t>(next_character(text, next)));
    if (width > columns - 1) break;
    at = next;
  }
  return std::string(text.substr(0, at)) + "…";
}

std::string visible(std::string_view text) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = next_character(text, at);
    if (c == U'\n') {
      result += "\\n";
    } else if (c == U'\t') {
      result += "\\t";
    } else if (c == U'\r') {
      result += "\\r";
    } else if (is_invisible(c)) {
      result += "\\u{" + code_point_name(c).substr(2) + "}";
    } else if (c == kReplacement) {
      result += "\uFFFD";
    } else {
      result += text.substr(begin, at - begin);
    }
  }
  return result;
}

std::string stripped(std::string_view text) {
  size_t begin = 0;
  for (size_t next = 0; begin < text.size() && is_space(next_character(text, next));) begin = next;
  size_t end = text.size();
  while (end > begin) {
    const size_t last = previous(text, end);
    size_t next = last;
    if (!is_space(next_character(text, next))) break;
    end = last;
  }
  return std::string(text.substr(begin, end - begin));
}

bool CharacterSet::contains(char32_t character) const {
  const bool member = ((categories >> category_number(character)) & 1) != 0 || characters.count(character) > 0;
  return member && except.count(character) == 0;
}

}  // namespace peftlab::data
