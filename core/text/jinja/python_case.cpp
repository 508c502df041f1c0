// Case mappings and printed forms. utf8proc knows the mappings of one character to one; Python's are the full ones of
// Unicode (SpecialCasing.txt), so the characters where the two differ are refused.
#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "core/text/jinja/budget.h"
#include "core/text/jinja/python_text.h"

namespace peftlab::text::jinja {

namespace {

bool maps_to_several(char32_t p) {
  return p == 0xdf || p == 0x149 || p == 0x1f0 || p == 0x390 || p == 0x3b0 || p == 0x587 ||
         (p >= 0x1e96 && p <= 0x1e9a) || (p >= 0x1f50 && p <= 0x1f56) || (p >= 0x1f80 && p <= 0x1fff) ||
         (p >= 0xfb00 && p <= 0xfb17);
}

[[noreturn]] void refuse(char32_t point) {
  std::string text;
  append(text, point);
  throw Failure("changing the case of '" + text + "' is not supported");
}

char32_t to_upper(char32_t p) {
  if (maps_to_several(p)) refuse(p);
  return static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(p)));
}

char32_t to_title(char32_t p) {
  if (maps_to_several(p)) refuse(p);
  return static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(p)));
}

char32_t to_lower(char32_t p) {
  if (p == 0x130 || p == 0x3a3) refuse(p);  // two characters; a final sigma looks different
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(p)));
}

bool is_cased(char32_t p) {
  const auto at = static_cast<utf8proc_int32_t>(p);
  const auto kind = utf8proc_category(at);
  return kind == UTF8PROC_CATEGORY_LU || kind == UTF8PROC_CATEGORY_LL || kind == UTF8PROC_CATEGORY_LT ||
         utf8proc_toupper(at) != at || utf8proc_tolower(at) != at;
}

template <typename Map>
std::string mapped(std::string_view text, Map map) {
  std::string result;
  result.reserve(text.size());
  for (const char32_t point : decode(text)) append(result, map(point));
  return result;
}

}  // namespace

std::string upper(std::string_view text) { return mapped(text, to_upper); }
std::string lower(std::string_view text) { return mapped(text, to_lower); }

std::string title(std::string_view text) {
  return mapped(text, [inside = false](char32_t p) mutable {
    const char32_t result = inside ? to_lower(p) : to_title(p);
    inside = is_cased(p);
    return result;
  });
}

std::string capitalize(std::string_view text) {
  return mapped(text, [first = true](char32_t p) mutable {
    const char32_t result = first ? to_title(p) : to_lower(p);
    first = false;
    return result;
  });
}

std::string python_quoted(std::string_view text) {
  const char quote = text.find('\'') != text.npos && text.find('"') == text.npos ? '"' : '\'';
  std::string result(1, quote);
  for (const char32_t p : decode(text)) {
    char escape[16] = "";
    if (p == static_cast<char32_t>(quote) || p == '\\') {
      result += '\\';
      result += static_cast<char>(p);
    } else if (p == '\n' || p == '\r' || p == '\t') {
      result += p == '\n' ? "\\n" : p == '\r' ? "\\r" : "\\t";
    } else if (is_printable(p)) {
      append(result, p);
    } else {
      const char* format = p < 0x100 ? "\\x%02x" : p < 0x10000 ? "\\u%04x" : "\\U%08x";
      std::snprintf(escape, sizeof escape, format, static_cast<unsigned>(p));
      result += escape;
    }
  }
  return result += quote;
}

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[40];
  const auto scientific = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  const std::string text(buffer, scientific.ptr);
  const int exponent = std::stoi(text.substr(text.find('e') + 1));
  if (exponent < -4 || exponent >= 16) return text;  // both write at least two digits of exponent
  const auto fixed = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed);
  std::string plain(buffer, fixed.ptr);
  return plain.find('.') == plain.npos ? plain + ".0" : plain;
}

}  // namespace peftlab::text::jinja
