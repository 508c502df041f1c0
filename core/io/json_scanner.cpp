#include "core/io/json_scanner.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "core/io/utf8.h"

namespace peftlab::io {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '+' || c == '-' ||
         c == '.';
}

// The bytes of the character that begins with `lead`. REQUIRES: a lead byte of UTF-8.
std::size_t utf8_length(char lead) {
  const unsigned byte = static_cast<unsigned char>(lead);
  return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

class Scanner {
 public:
  Scanner(std::string_view text, const Visit& visit) : text_(text), visit_(visit) {}

  void run() {
    if (const auto bad = first_invalid_utf8(text_); bad != std::string_view::npos) {
      fail(bad, byte_name(text_[bad]) + " is not UTF-8; save the file as UTF-8");
    }
    skip_space();
    if (at_end()) fail(at_, "the text is empty, expected a JSON value");
    visit(at_);
    value(/*depth=*/0);
    skip_space();
    if (!at_end()) fail(at_, "expected the end of the text, got " + here());
  }

 private:
  [[noreturn]] void fail(std::size_t offset, std::string message) const { throw Fault{offset, std::move(message)}; }

  bool at_end() const { return at_ >= text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }

  void skip_space() {
    while (!at_end() && (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')) ++at_;
    if (peek() == '/' || peek() == '#') fail(at_, "expected JSON, got " + here() + "; comments are not allowed");
  }

  static std::string byte_name(char c) {
    char name[16];
    std::snprintf(name, sizeof name, "byte 0x%02X", static_cast<unsigned char>(c));
    return name;
  }

  std::string here() const {
    if (at_end()) return "the end of the text";
    if (static_cast<unsigned char>(peek()) < 0x20 || peek() == 0x7f) return byte_name(peek());
    if (text_.substr(at_, 3) == "\xEF\xBB\xBF") return "a byte order mark";
    if (is_word(peek())) return "'" + std::string(word(at_)) + "'";
    return "'" + std::string(text_.substr(at_, utf8_length(peek()))) + "'";
  }

  std::string_view word(std::size_t begin) const {
    constexpr std::size_t kLongest = 40;
    std::size_t end = begin;
    while (end < text_.size() && end - begin < kLongest && is_word(text_[end])) ++end;
    return text_.substr(begin, end - begin);
  }

  void visit(std::size_t offset) const {
    if (visit_) visit_(pointer_, offset);
  }

  void value(int depth) {
    switch (peek()) {
      case '{':
        return object(depth + 1);
      case '[':
        return array(depth + 1);
      case '"':
        string();
        return;
      default:
        break;
    }
    if (is_digit(peek()) || peek() == '-' || peek() == '+' || peek() == '.') return number();
    const auto found = word(at_);
    if (found == "true" || found == "false" || found == "null") {
      at_ += found.size();
      return;
    }
    if (peek() == '\'') fail(at_, "expected a value, got a single quote; strings stand in double quotes");
    fail(at_,
         "expected a value, got " + here() + (found.empty() || at_end() ? "" : "; strings stand in double quotes"));
  }

  void check_depth(int depth) const {
    if (depth > kMaxJsonDepth) fail(at_, "nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
  }

  // After a value in an object or list: true when a comma announces another.
  bool another(char close, std::size_t begin) {
    skip_space();
    const std::size_t mark = at_;
    if (peek() == close && !at_end()) {
      ++at_;
      return false;
    }
    if (peek() != ',') fail(at_, std::string("expected ',' or '") + close + "', got " + here() + opened(begin));
    ++at_;
    skip_space();
    if (peek() == close) fail(mark, std::string("a comma before '") + close + "' is not allowed");
    return true;
  }

  std::string opened(std::size_t begin) const {
    if (!at_end()) return "";
    std::size_t line = 1;
    for (std::size_t i = 0; i < begin; ++i) line += text_[i] == '\n';
    return std::string("; the '") + text_[begin] + "' of line " + std::to_string(line) + " is not closed";
  }

  void array(int depth) {
    check_depth(depth);
    const std::size_t begin = at_++;
    const std::size_t length = pointer_.size();
    skip_space();
    if (peek() == ']') return void(++at_);
    std::size_t index = 0;
    do {
      if (at_end()) fail(at_, "expected a value or ']', got the end of the text" + opened(begin));
      if (visit_) pointer_ += "/" + std::to_string(index++);
      visit(at_);
      value(depth);
      pointer_.resize(length);
    } while (another(']', begin));
  }

  void object(int depth) {
    check_depth(depth);
    const std::size_t begin = at_++;
    const std::size_t length = pointer_.size();
    std::unordered_set<std::string> keys;
    skip_space();
    if (peek() == '}') return void(++at_);
    do {
      const std::size_t place = at_;
      std::string key = this->key(begin);
      if (visit_) pointer_ += "/" + escape_token(key);
      if (!keys.insert(std::move(key)).second) {
        fail(place, "the key " + std::string(text_.substr(place, at_ - place)) + " is given twice");
      }
      skip_space();
      if (peek() != ':') fail(at_, "expected ':' after the key, got " + here());
      ++at_;
      skip_space();
      visit(place);
      value(depth);
      pointer_.resize(length);
    } while (another('}', begin));
  }

  std::string key(std::size_t begin) {
    if (peek() != '"') fail(at_, "expected a key in double quotes, got " + here() + opened(begin));
    const std::size_t place = at_;
    const bool escaped = string();
    const auto raw = text_.substr(place, at_ - place);
    if (escaped) return nlohmann::json::parse(raw).get<std::string>();
    return std::string(raw.substr(1, raw.size() - 2));
  }

  // True when the string holds escapes.
  bool string() {
    const std::size_t begin = at_++;
    bool escaped = false;
    while (true) {
      if (at_end() || peek() == '\n') fail(begin, "the string that begins here is not closed on its line");
      const char c = peek();
      if (static_cast<unsigned char>(c) < 0x20) {
        fail(at_, byte_name(c) + " inside a string, expected an escape such as \\t or \\u0001");
      }
      if (c == '\\') {
        escaped = true;
        escape();
        continue;
      }
      ++at_;
      if (c == '"') return escaped;
    }
  }

  void escape() {
    const std::size_t begin = at_++;
    const char c = peek();
    if (at_end() || std::string_view("\"\\/bfnrtu").find(c) == std::string_view::npos) {
      const auto got = std::string(text_.substr(begin, at_end() ? 1 : 1 + utf8_length(c)));
      fail(begin,
           "'" + (static_cast<unsigned char>(c) < 0x20 ? "\\" : got) + "' is no escape; a backslash is written '\\\\'");
    }
    ++at_;
    if (c == 'u') code_unit_pair(begin);
  }

  void code_unit_pair(std::size_t begin) {
    const unsigned first = code_unit(begin);
    if (first >= 0xDC00 && first <= 0xDFFF) fail(begin, "the second half of a surrogate pair stands without the first");
    if (first < 0xD800 || first > 0xDBFF) return;
    if (text_.substr(at_, 2) != "\\u") fail(begin, "the first half of a surrogate pair stands without the second");
    at_ += 2;
    const unsigned second = code_unit(begin);
    if (second < 0xDC00 || second > 0xDFFF) fail(begin, "the first half of a surrogate pair stands without the second");
  }

  unsigned code_unit(std::size_t begin) {
    unsigned unit = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      const char lower = static_cast<char>(c | 0x20);
      if (!is_digit(c) && (lower < 'a' || lower > 'f')) fail(begin, "expected four hexadecimal digits after '\\u'");
      unit = unit * 16 + static_cast<unsigned>(is_digit(c) ? c - '0' : lower - 'a' + 10);
    }
    return unit;
  }

  bool digits() {
    const std::size_t begin = at_;
    while (is_digit(peek())) ++at_;
    return at_ > begin;
  }

  void number() {
    const std::size_t begin = at_;
    if (peek() == '-') ++at_;
    const bool zero = peek() == '0';
    const std::size_t whole = at_;
    bool good = digits() && !(zero && at_ - whole > 1);
    if (good && peek() == '.') good = (++at_, digits());
    if (good && (peek() == 'e' || peek() == 'E')) {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      good = digits();
    }
    if (!good || is_word(peek())) fail(begin, "'" + std::string(word(begin)) + "' is not a number as JSON writes it");
    if (!std::isfinite(std::strtod(std::string(text_.substr(begin, at_ - begin)).c_str(), nullptr))) {
      fail(begin, "'" + std::string(word(begin)) + "' is too large for a number");
    }
  }

  std::string_view text_;
  const Visit& visit_;
  std::size_t at_ = 0;
  std::string pointer_;
};

}  // namespace

std::optional<Fault> scan_json(std::string_view text, const Visit& visit) {
  try {
    Scanner(text, visit).run();
  } catch (const Fault& fault) {
    return fault;
  }
  return std::nullopt;
}

std::string escape_token(std::string_view token) {
  std::string escaped;
  for (const char c : token) {
    if (c == '~') escaped += "~0";
    else if (c == '/') escaped += "~1";
    else escaped += c;
  }
  return escaped;
}

}  // namespace peftlab::io
