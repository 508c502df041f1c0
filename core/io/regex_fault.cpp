#include "core/io/regex_fault.h"

#include <cctype>
#include <regex>
#include <vector>

namespace peftlab::io {
namespace {

// The standard library says of what kind a fault is, not where: this finds the first that it objects to.
class Finder {
 public:
  explicit Finder(const std::string& text) : text_(text) {}

  std::string operator()() {
    while (at_ < text_.size() && fault_.empty()) step();
    if (fault_.empty() && !open_.empty()) fault_ = told(open_.back(), "is never closed");
    return fault_;
  }

 private:
  void step() {
    const char c = text_[at_];
    if (c == '\\')
      escape();
    else if (c == '[')
      set();
    else if (c == '(')
      open();
    else if (c == ')')
      close();
    else if (c == '*' || c == '+' || c == '?')
      repeat(at_ + 1);
    else if (c == '{')
      count();
    else
      take(at_ + 1, c != '|' && c != '^' && c != '$');
  }

  void escape() {
    if (at_ + 1 == text_.size()) fault_ = told(at_, "ends the expression, expected a character after it");
    const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : 'b';
    const std::size_t digits = next == 'x' ? 2 : next == 'u' ? 4 : 0;
    for (std::size_t i = at_ + 2; i < at_ + 2 + digits; ++i) {
      if (i >= text_.size() || std::isxdigit(static_cast<unsigned char>(text_[i])) == 0) {
        fault_ = told(at_, std::string("goes on with '") + next + "', expected " + std::to_string(digits) +
                               " hexadecimal digits after that");
        return;
      }
    }
    take(at_ + 2 + digits, next != 'b' && next != 'B');
  }

  void set() {
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != ']') {
      const bool is_class = text_[end] == '[' && end + 1 < text_.size() &&
                            (text_[end + 1] == ':' || text_[end + 1] == '.' || text_[end + 1] == '=');
      const auto closed = is_class ? text_.find(std::string(1, text_[end + 1]) + "]", end + 2) : std::string::npos;
      end = closed != std::string::npos ? closed + 2 : end + (text_[end] == '\\' ? 2 : 1);
    }
    if (end >= text_.size()) {
      fault_ = told(at_, "is never closed");
    } else if (!is_regex(text_.substr(at_, end + 1 - at_))) {
      fault_ = told(at_, "begins a set that has a range from high to low or a class that is not known");
    }
    take(end + 1, true);
  }

  void open() {
    open_.push_back(at_);
    const bool special = at_ + 1 < text_.size() && text_[at_ + 1] == '?';
    const char kind = special && at_ + 2 < text_.size() ? text_[at_ + 2] : ':';
    if (kind != ':' && kind != '=' && kind != '!') {
      fault_ = told(at_, std::string("goes on with '?") + kind + "', expected '?:', '?=' or '?!', or no '?'");
    }
    take(at_ + (special ? 3 : 1), false);
  }

  void close() {
    if (open_.empty())
      fault_ = told(at_, "closes what was not opened");
    else
      open_.pop_back();
    take(at_ + 1, true);
  }

  void repeat(std::size_t next) {
    if (!repeatable_) fault_ = told(at_, "has nothing before it that could be repeated");
    const bool is_lazy = next < text_.size() && text_[next] == '?';
    take(next + (is_lazy ? 1 : 0), true);
  }

  void count() {
    static const std::regex form("\\{[0-9]{1,6}(,[0-9]{0,6})?\\}");
    const auto closed = text_.find('}', at_);
    const auto whole = closed == std::string::npos ? std::string() : text_.substr(at_, closed + 1 - at_);
    if (!std::regex_match(whole, form) || !is_regex("a" + whole)) {
      fault_ = told(at_, "expected after it a count such as {2}, {2,} or {2,5}, or '\\' before it");
    } else {
      repeat(closed + 1);
    }
  }

  void take(std::size_t next, bool repeatable) {
    at_ = next;
    repeatable_ = repeatable;
  }

  static bool is_regex(const std::string& text) {
    try {
      std::regex unused(text, std::regex::ECMAScript);
      return true;
    } catch (const std::regex_error&) {
      return false;
    }
  }

  // Characters of UTF-8: bytes that go on with one do not count.
  std::string told(std::size_t at, const std::string& what) const {
    std::size_t character = 1;
    for (std::size_t i = 0; i < at; ++i) character += (static_cast<unsigned char>(text_[i]) & 0xC0) != 0x80 ? 1 : 0;
    return std::string("'") + text_[at] + "' at character " + std::to_string(character) + " " + what;
  }

  const std::string& text_;
  std::size_t at_ = 0;
  bool repeatable_ = false;  // whether what stands before at_ may be repeated
  std::vector<std::size_t> open_;
  std::string fault_;
};

}  // namespace

std::string regex_fault(const std::string& expression) {
  try {
    std::regex unused(expression, std::regex::ECMAScript);
    return "";
  } catch (const std::regex_error& error) {
    const auto found = Finder(expression)();
    return found.empty() ? error.what() : found;
  }
}

}  // namespace peftlab::io
