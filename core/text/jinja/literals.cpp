#include "core/text/jinja/literals.h"

#include <algorithm>
#include <charconv>

#include "core/text/jinja/python_text.h"

namespace peftlab::text::jinja {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/// Digits, single underscores between them.
size_t digits(std::string_view text, bool (*goes)(char)) {
  size_t size = 0;
  while (size < text.size() &&
         (goes(text[size]) || (size > 0 && text[size] == '_' && size + 1 < text.size() && goes(text[size + 1]))))
    ++size;
  return size;
}

/// The length of the part behind the whole digits that makes a number a float, or 0.
size_t fraction(std::string_view text) {
  size_t size = 0;
  if (text.size() > 1 && text[0] == '.' && is_digit(text[1])) size = 1 + digits(text.substr(1), is_digit);
  std::string_view power = text.substr(size);
  if (power.empty() || (power[0] != 'e' && power[0] != 'E')) return size;
  const size_t sign = power.size() > 1 && (power[1] == '+' || power[1] == '-') ? 2 : 1;
  const size_t exponent = digits(power.substr(sign), is_digit);
  return exponent ? size + sign + exponent : size;
}

std::string without_underscores(std::string_view text) {
  std::string result;
  for (const char c : text)
    if (c != '_') result += c;
  return result;
}

size_t read_integer(std::string_view text, int base, size_t prefix, size_t size, Token& token) {
  const std::string plain = without_underscores(text.substr(prefix, size - prefix));
  const auto result = std::from_chars(plain.data(), plain.data() + plain.size(), token.integer, base);
  if (result.ec != std::errc() || result.ptr != plain.data() + plain.size())
    throw SyntaxError{token.line, "the integer " + std::string(text.substr(0, size)) + " has more than 64 bits"};
  token.type = Token::Type::integer;
  return size;
}

/// \xhh, \uhhhh, \Uhhhhhhhh; `text` begins behind the letter.
char32_t hex_escape(std::string_view text, size_t count, int line) {
  unsigned point = 0;
  const auto result = std::from_chars(text.data(), text.data() + std::min(count, text.size()), point, 16);
  if (text.size() < count || result.ptr != text.data() + count) throw SyntaxError{line, "truncated escape in a string"};
  if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
    throw SyntaxError{line, "an escape in a string is no Unicode character"};
  return point;
}

/// `text` begins behind a backslash; appends what the escape means and gives its bytes.
size_t unescape(std::string_view text, int line, std::string& result) {
  static constexpr std::string_view kNames = "abfnrtv\\'\"";
  static constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\'\"";
  const char letter = text[0];
  if (static_cast<unsigned char>(letter) >= 0x80)
    throw SyntaxError{line, "a backslash before a character that is not ASCII is not supported in a string"};
  if (const size_t at = kNames.find(letter); at != kNames.npos) {
    result += kMeanings[at];
    return 1;
  }
  if (letter == '\n') return 1;
  if (letter == 'x' || letter == 'u' || letter == 'U') {
    const size_t count = letter == 'x' ? 2 : letter == 'u' ? 4 : 8;
    append(result, hex_escape(text.substr(1), count, line));
    return 1 + count;
  }
  if (letter == 'N') throw SyntaxError{line, "the escape '\\N' in a string is not supported"};
  size_t size = 0;
  char32_t octal = 0;
  for (; size < 3 && size < text.size() && text[size] >= '0' && text[size] < '8'; ++size)
    octal = octal * 8 + static_cast<char32_t>(text[size] - '0');
  if (size)
    append(result, octal);
  else
    result += '\\';  // an escape unknown to Python stays as it is
  return size;
}

}  // namespace

size_t read_name(std::string_view text, Token& token) {
  size_t size = 0;
  while (size < text.size()) {
    size_t next = size + 1;
    while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xc0) == 0x80) ++next;
    const char32_t point = decode(text.substr(size, next - size))[0];
    if (!(size ? continues_name(point) : begins_name(point))) break;
    size = next;
  }
  token.type = Token::Type::name;
  token.text = text.substr(0, size);
  return size;
}

size_t read_number(std::string_view text, bool whole_only, Token& token) {
  if (text[0] == '0' && text.size() > 2) {
    const char letter = static_cast<char>(text[1] | 0x20);
    const int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
    if (base && is_hex(text[2])) return read_integer(text, base, 2, 2 + digits(text.substr(2), is_hex), token);
  }
  const size_t whole = digits(text, is_digit);
  const size_t more = whole_only ? 0 : fraction(text.substr(whole));
  if (!more) {
    if (text[0] == '0' && text.substr(0, whole).find_first_not_of("0_") != text.npos)
      throw SyntaxError{token.line, "the integer " + std::string(text.substr(0, whole)) + " begins with a zero"};
    return read_integer(text, 10, 0, whole, token);
  }
  const std::string plain = without_underscores(text.substr(0, whole + more));
  const auto result = std::from_chars(plain.data(), plain.data() + plain.size(), token.real);
  if (result.ec != std::errc()) throw SyntaxError{token.line, "the number " + plain + " is out of range"};
  token.type = Token::Type::real;
  return whole + more;
}

size_t read_string(std::string_view text, Token& token) {
  const char quote = text[0];
  std::string result;
  for (size_t at = 1; at < text.size();) {
    if (text[at] == quote) {
      token.type = Token::Type::string;
      token.text = std::move(result);
      return at + 1;
    }
    if (text[at] == '\\' && at + 1 < text.size())
      at += 1 + unescape(text.substr(at + 1), token.line, result);
    else
      result += text[at++];
  }
  throw SyntaxError{token.line, "a string does not end"};
}

}  // namespace peftlab::text::jinja
