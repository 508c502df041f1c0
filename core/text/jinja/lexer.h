// A template's source as tokens, with Jinja's white-space rules applied (trim_blocks and lstrip_blocks on, as
// transformers sets them; one newline at the end of the source is dropped).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace peftlab::text::jinja {

struct Token {
  enum class Type { data, block_begin, block_end, print_begin, print_end, name, string, integer, real, sign, end };
  Type type = Type::end;
  std::string text;  // data: the text; string: unescaped; sign: as written
  int64_t integer = 0;
  double real = 0;
  int line = 1;
};

/// A mistake at a known line.
struct SyntaxError {
  int line;
  std::string message;
};

/// Ends with one token of type `end`. Throws SyntaxError. REQUIRES: UTF-8.
std::vector<Token> tokenize(std::string_view source);

}  // namespace peftlab::text::jinja
