// Names, numbers and strings in an expression.
#pragma once

#include <string_view>

#include "core/text/jinja/lexer.h"

namespace peftlab::text::jinja {

/// Each reads what stands at the beginning of `text`, fills type and value of `token`, and gives the bytes used.
/// Throws SyntaxError at token.line.
size_t read_name(std::string_view text, Token& token);  // 0: no name
size_t read_number(std::string_view text, bool whole_only, Token& token);
size_t read_string(std::string_view text, Token& token);

}  // namespace peftlab::text::jinja
