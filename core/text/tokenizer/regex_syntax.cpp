// Oniguruma (Ruby syntax, as https://github.com/kkos/oniguruma/blob/master/doc/RE describes it) to PCRE2.
#include <algorithm>

#include "core/text/tokenizer/regex.h"
#include "peftlab/error.h"

namespace peftlab::text {

namespace {

// White_Space of Unicode; PCRE2's own \s also takes U+180E.
constexpr const char* kSpace =
    "\\x09-\\x0d\\x20\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
// Alphabetic, M, Nd, Pc; PCRE2's own \w depends on its release.
constexpr const char* kWord =
    "\\p{L}\\p{M}\\p{Nl}\\p{Nd}\\p{Pc}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{"
    "1f189}";

bool is_hex(char c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }
bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

class Translator {
 public:
  Translator(const std::string& pattern, const std::string& where) : in_(pattern), where_(where) {}

  std::string run() {
    while (at_ < in_.size()) step();
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw ConfigError(where_ + ": the regular expression '" + in_ + "' uses " + what +
                      ", which peftlab does not translate to PCRE2");
  }
  bool follows(std::string_view text) const { return in_.compare(at_, text.size(), text) == 0; }
  void copy(size_t count) {
    out_.append(in_, at_, count);
    at_ += count;
  }

  void step() {
    const char c = in_[at_];
    if (c == '\\') return escape();
    if (in_set_) return inside_set(c);
    if (c == '[') return open_set();
    if (c == '(') return group();
    if (c == '{') return interval();
    copy(1);
  }

  void open_set() {
    in_set_ = true;
    copy(1);
    if (follows("^")) copy(1);
    if (follows("]")) refuse("']' as the first of a set");
  }

  void inside_set(char c) {
    if (c == '[') refuse("a set inside a set");
    if (follows("&&")) refuse("an intersection of sets ('&&')");
    if (c == ']') in_set_ = false;
    copy(1);
  }

  void group() {
    if (follows("(*")) refuse("'(*'");
    if (!follows("(?")) return copy(1);
    for (const char* known : {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!", "(?i:", "(?i)", "(?-i:", "(?-i)"})
      if (follows(known)) return copy(std::string_view(known).size());
    refuse("'" + in_.substr(at_, 4) + "'");
  }

  // {2} {2,} {2,3}; Ruby reads a + behind one as a second quantifier, PCRE2 as "possessive".
  void interval() {
    size_t end = at_ + 1;
    while (end < in_.size() && ((in_[end] >= '0' && in_[end] <= '9') || in_[end] == ',')) ++end;
    if (end == at_ + 1 || end >= in_.size() || in_[end] != '}') return copy(1);
    if (in_[at_ + 1] == ',') refuse("'{,'");
    copy(end + 1 - at_);
    if (follows("+")) refuse("'+' behind '}'");
  }

  void escape() {
    if (at_ + 1 >= in_.size()) refuse("a '\\' at its end");
    const char c = in_[at_ + 1];
    switch (c) {
      case 's':
      case 'S':
        return set_escape(kSpace, c == 'S');
      case 'w':
      case 'W':
        return set_escape(kWord, c == 'W');
      case 'p':
      case 'P':
        return property();
      case 'u':
        return code_point();
      case 'v':
        out_ += "\\x0b";
        at_ += 2;
        return;
      default:
        break;
    }
    if (is_letter(c) && std::string_view("dDnrtfaexAzZ").find(c) == std::string_view::npos)
      refuse("'\\" + std::string(1, c) + "'");
    if (in_set_ && std::string_view("AzZ").find(c) != std::string_view::npos)
      refuse("'\\" + std::string(1, c) + "' in a set");
    copy(2);
  }

  void set_escape(const char* members, bool negated) {
    if (in_set_ && negated) refuse("'\\" + std::string(1, in_[at_ + 1]) + "' in a set");
    out_ += in_set_ ? members : std::string(negated ? "[^" : "[") + members + "]";
    at_ += 2;
  }

  void property() {
    const size_t end = in_.find('}', at_);
    if (at_ + 2 >= in_.size() || in_[at_ + 2] != '{' || end == std::string::npos) refuse("'\\p' without {...}");
    copy(end + 1 - at_);
  }

  void code_point() {
    const std::string digits = in_.substr(at_ + 2, 4);
    if (digits.size() != 4 || !std::all_of(digits.begin(), digits.end(), is_hex)) refuse("'\\u' without four digits");
    out_ += "\\x{" + digits + "}";
    at_ += 6;
  }

  const std::string& in_;
  const std::string& where_;
  std::string out_;
  size_t at_ = 0;
  bool in_set_ = false;
};

}  // namespace

std::string to_pcre2(const std::string& pattern, const std::string& where) { return Translator(pattern, where).run(); }

}  // namespace peftlab::text
