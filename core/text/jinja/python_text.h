// Strings as Python sees them: sequences of code points, held as UTF-8. Every `text` here is valid UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peftlab::text::jinja {

std::u32string decode(std::string_view text);
std::string encode(std::u32string_view points);
void append(std::string& text, char32_t point);

/// The number of code points.
size_t length(std::string_view text);

/// What str.isspace, str.strip and the regular expression \s take for white space.
bool is_space(char32_t point);
/// Whether repr() shows it as it is.
bool is_printable(char32_t point);
bool is_letter(char32_t point);
/// What may begin, or go on in, a name (str.isidentifier).
bool begins_name(char32_t point);
bool continues_name(char32_t point);

enum class Side { left, right, both };
/// Without `characters`: white space.
std::string_view strip(std::string_view text, Side side, std::optional<std::string_view> characters = {});

/// str.split and str.rsplit; `limit` < 0: no limit; without a separator: at runs of white space. Throws Failure for an
/// empty separator.
std::vector<std::string_view> split(std::string_view text, std::optional<std::string_view> separator, int64_t limit,
                                    bool from_right = false);
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends);

/// str.replace; `limit` < 0: all. Throws Failure when the result would have more than `max_bytes`.
std::string replace(std::string_view text, std::string_view old, std::string_view by, int64_t limit, size_t max_bytes);
/// Non-overlapping occurrences (str.count).
size_t count(std::string_view text, std::string_view part);

/// str.upper and so on. Throw Failure for the few characters whose case mapping depends on context or has another
/// length, which is not supported.
std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string title(std::string_view text);       // str.title
std::string capitalize(std::string_view text);  // str.capitalize

/// repr() of a str and of a float (the shortest digits that give the same double back).
std::string python_quoted(std::string_view text);
std::string float_text(double value);

}  // namespace peftlab::text::jinja
