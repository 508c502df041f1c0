#include "core/text/jinja/lexer.h"

#include <algorithm>

#include "core/text/jinja/literals.h"
#include "core/text/jinja/python_text.h"

namespace peftlab::text::jinja {

namespace {

std::string with_unix_newlines(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text += source[i];
      continue;
    }
    text += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

int newlines(std::string_view text) { return static_cast<int>(std::count(text.begin(), text.end(), '\n')); }

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) take_text_and_tag();
    push(Token::Type::end, "");
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return std::string_view(source_).substr(at_); }
  bool sees(std::string_view text) const { return rest().substr(0, text.size()) == text; }

  void push(Token::Type type, std::string text) {
    Token token;
    token.type = type;
    token.text = std::move(text);
    token.line = line_;
    tokens_.push_back(std::move(token));
  }

  /// Moves on by `size` bytes.
  void skip(size_t size) {
    if (size == 0) return;
    const std::string_view passed = rest().substr(0, size);
    line_ += newlines(passed);
    line_starting_ = passed.back() == '\n';
    at_ += size;
  }

  void skip_space() { skip(rest().size() - strip(rest(), Side::left).size()); }

  void push_data(std::string_view text) {
    if (!text.empty()) push(Token::Type::data, std::string(text));
  }

  /// What of `text` stays before a tag whose opening is followed by `sign`.
  std::string_view before_tag(std::string_view text, char sign, bool prints) const {
    if (sign == '-') return strip(text, Side::right);
    if (sign == '+' || prints) return text;
    const size_t newline = text.rfind('\n');
    const size_t line_begin = newline == text.npos ? 0 : newline + 1;
    if (newline == text.npos && !line_starting_) return text;
    return strip(text.substr(line_begin), Side::left).empty() ? text.substr(0, line_begin) : text;
  }

  static size_t find_tag(std::string_view text) {
    for (size_t at = text.find('{'); at != text.npos && at + 1 < text.size(); at = text.find('{', at + 1))
      if (text[at + 1] == '{' || text[at + 1] == '%' || text[at + 1] == '#') return at;
    return text.npos;
  }

  void take_text_and_tag() {
    const size_t tag = find_tag(rest());
    if (tag == std::string_view::npos) {
      push_data(rest());
      skip(rest().size());
      return;
    }
    const char kind = rest()[tag + 1];
    const char next = tag + 2 < rest().size() ? rest()[tag + 2] : ' ';
    const char sign = next == '-' || next == '+' ? next : ' ';
    push_data(before_tag(rest().substr(0, tag), sign, kind == '{'));
    skip(tag + (sign == ' ' ? 2 : 3));
    if (kind == '#') return skip_comment();
    if (kind == '%' && take_raw()) return;
    push(kind == '%' ? Token::Type::block_begin : Token::Type::print_begin, "");
    take_expression(kind == '%');
  }

  void skip_comment() {
    const size_t end = rest().find("#}");
    if (end == std::string_view::npos) throw SyntaxError{line_, "a comment does not end: '#}' is missing"};
    const char sign = end > 0 ? rest()[end - 1] : ' ';
    skip(end + 2);
    if (sign == '-')
      skip_space();
    else if (sign != '+' && sees("\n"))
      skip(1);
  }

  /// After '{%': text up to '{% endraw %}' as it stands, when the tag is 'raw'.
  bool take_raw() {
    std::string_view inner = strip(rest(), Side::left);
    if (inner.substr(0, 3) != "raw") return false;
    inner = strip(inner.substr(3), Side::left);
    const bool strips = inner.substr(0, 1) == "-";
    if (strips) inner.remove_prefix(1);
    if (inner.substr(0, 2) != "%}") return false;
    inner.remove_prefix(2);
    skip(rest().size() - inner.size());
    if (strips) skip_space();
    take_raw_text();
    return true;
  }

  void take_raw_text() {
    for (size_t tag = rest().find("{%"); tag != std::string_view::npos; tag = rest().find("{%", tag + 1)) {
      std::string_view inner = rest().substr(tag + 2);
      const char sign = inner.empty() ? ' ' : inner[0];
      if (sign == '-' || sign == '+') inner.remove_prefix(1);
      inner = strip(inner, Side::left);
      if (inner.substr(0, 6) != "endraw") continue;
      inner = strip(inner.substr(6), Side::left);
      const char end_sign = inner.empty() ? ' ' : inner[0];
      if (end_sign == '-' || end_sign == '+') inner.remove_prefix(1);
      if (inner.substr(0, 2) != "%}") continue;
      inner.remove_prefix(2);
      push_data(before_tag(rest().substr(0, tag), sign, /*prints=*/false));
      skip(rest().size() - inner.size());
      after_block(end_sign);
      return;
    }
    throw SyntaxError{line_, "a raw block does not end: '{% endraw %}' is missing"};
  }

  void after_block(char sign) {
    if (sign == '-')
      skip_space();
    else if (sign != '+' && sees("\n"))
      skip(1);
  }

  /// Whether the tag ends here; brackets hide '}}' and '%}'.
  bool take_end(bool block) {
    if (!open_.empty()) return false;
    const std::string_view end = block ? "%}" : "}}";
    const char sign = sees("-") || (block && sees("+")) ? rest()[0] : ' ';
    const size_t size = sign == ' ' ? 0 : 1;
    if (rest().substr(size, 2) != end) return false;
    push(block ? Token::Type::block_end : Token::Type::print_end, "");
    skip(size + 2);
    if (block)
      after_block(sign);
    else if (sign == '-')
      skip_space();
    return true;
  }

  void take_expression(bool block) {
    const int begin = line_;
    for (;;) {
      if (take_end(block)) return;
      skip_space();
      if (at_ >= source_.size())
        throw SyntaxError{begin, std::string("a tag does not end: '") + (block ? "%}" : "}}") + "' is missing"};
      if (take_end(block)) return;
      take_token();
    }
  }

  void take_token() {
    const char first = rest()[0];
    Token token;
    token.line = line_;
    size_t size;
    if (first >= '0' && first <= '9') {
      size = read_number(rest(), after_dot(), token);
    } else if (first == '"' || first == '\'') {
      size = read_string(rest(), token);
    } else {
      size = read_name(rest(), token);
      if (size == 0) size = read_sign(token);
    }
    tokens_.push_back(std::move(token));
    skip(size);
  }

  /// A number that follows a dot is an index ("a.0.1"), never a float.
  bool after_dot() const { return at_ > 0 && source_[at_ - 1] == '.'; }

  size_t read_sign(Token& token) {
    static constexpr std::string_view kTwo[] = {"//", "**", "==", "!=", ">=", "<="};
    static constexpr std::string_view kOne = "+-/*%~[](){}><=.:|,;";
    token.type = Token::Type::sign;
    for (const std::string_view sign : kTwo)
      if (sees(sign)) {
        token.text = sign;
        return sign.size();
      }
    const char sign = rest()[0];
    if (kOne.find(sign) == kOne.npos)
      throw SyntaxError{
          line_, "unexpected character " + python_quoted(encode(decode(rest().substr(0, 1 + tail())).substr(0, 1)))};
    balance(sign);
    token.text = std::string(1, sign);
    return 1;
  }

  /// The bytes of the character here after its first.
  size_t tail() const {
    size_t size = 0;
    while (at_ + 1 + size < source_.size() && (static_cast<unsigned char>(source_[at_ + 1 + size]) & 0xc0) == 0x80)
      ++size;
    return size;
  }

  void balance(char sign) {
    if (sign == '(' || sign == '[' || sign == '{') open_ += sign == '(' ? ')' : sign == '[' ? ']' : '}';
    if (sign != ')' && sign != ']' && sign != '}') return;
    if (open_.empty()) throw SyntaxError{line_, std::string("unexpected '") + sign + "'"};
    if (open_.back() != sign)
      throw SyntaxError{line_, std::string("unexpected '") + sign + "', expected '" + open_.back() + "'"};
    open_.pop_back();
  }

  std::string source_;
  std::vector<Token> tokens_;
  std::string open_;  // the brackets that are to close, innermost last
  size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(with_unix_newlines(source)).run(); }

}  // namespace peftlab::text::jinja
