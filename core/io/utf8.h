// Well-formedness of UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

namespace peftlab::io {

/// Index of the first byte that begins no well-formed sequence (RFC 3629: no surrogates, nothing overlong, nothing
/// above U+10FFFF), or npos when all of `text` is UTF-8.
size_t first_invalid_utf8(std::string_view text);

inline bool is_utf8(std::string_view text) { return first_invalid_utf8(text) == std::string_view::npos; }

}  // namespace peftlab::io
