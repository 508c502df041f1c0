// UTF-8 and the character properties that tokenizers ask for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace peftlab::text {

/// What stands at a place of a byte string: a character, or the longest start of one that can not be completed.
struct Utf8Step {
  size_t size;  // bytes, at least 1
  bool valid;
};

/// REQUIRES: i < s.size().
Utf8Step utf8_step(std::string_view s, size_t i);

/// Valid UTF-8: every longest invalid part becomes one U+FFFD (Unicode 15, section 3.9, "maximal subpart").
std::string lossy_utf8(std::string_view s);

/// The character at i; i moves behind it. REQUIRES: valid UTF-8, i at the start of a character.
char32_t next_char(std::string_view s, size_t& i);

void append_utf8(std::string& out, char32_t c);

bool is_white_space(char32_t c);  // the property White_Space
bool is_numeric(char32_t c);      // Nd, Nl, No
bool is_punctuation(char32_t c);  // P, and every ASCII sign
bool is_mark(char32_t c);         // Mn, Mc, Me
bool is_word(char32_t c);         // Alphabetic, M, Nd, Pc, Join_Control: \w of Unicode technical standard 18

/// Appends the lower-case form, character by character (no final sigma).
void append_lower(std::string& out, char32_t c);

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

/// REQUIRES: valid UTF-8.
std::string normal_form(std::string_view s, NormalForm form);

/// True where c never combines with what stands before it, in any normal form, so that a text may be cut there.
/// Some such characters are not known to it.
bool starts_normal_form(char32_t c);

}  // namespace peftlab::text
