// Characters of UTF-8 text: what they are, how wide they stand, which of them look wrong in data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace peftlab::data {

/// The character that starts at byte `at`, and moves `at` behind it. REQUIRES: valid UTF-8, at < text.size().
char32_t next_character(std::string_view text, size_t& at);

std::u32string to_characters(std::string_view text);  // REQUIRES: valid UTF-8
std::string to_utf8(char32_t character);

/// Unicode's general category: "Lo", "Cc", "Zs" …
std::string category_of(char32_t character);

/// One bit a category for a category ("Lo") or a class of them ("L"); 0 for any other name.
uint32_t category_bits(const std::string& name);

/// Why the character looks wrong in data (private use, control, look-alike of a common one …); nothing if it does not.
std::optional<std::string> suspicion_of(char32_t character);

/// "U+8DEF", at least four digits.
std::string code_point_name(char32_t character);

/// Columns on a terminal: 2 for wide characters, 0 for combining ones. Bytes that are not UTF-8 count 1.
int display_width(std::string_view text);

/// The longest beginning of `text` not wider than `columns`, "…" at its end where something was cut off.
std::string cut_to_width(std::string_view text, int columns);

/// Printable on one line: control, private-use and other invisible characters as \n, \t, \u{…}.
std::string visible(std::string_view text);

/// Without white space (Unicode's, U+3000 included) at both ends. REQUIRES: valid UTF-8.
std::string stripped(std::string_view text);

/// Characters named by category, one by one, or both; `except` takes some out again.
struct CharacterSet {
  uint32_t categories = 0;  // category_bits
  std::set<char32_t> characters;
  std::set<char32_t> except;

  bool empty() const { return categories == 0 && characters.empty(); }
  bool contains(char32_t character) const;
};

}  // namespace peftlab::data
