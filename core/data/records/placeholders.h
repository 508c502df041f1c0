// Templates with {field} placeholders; {{ and }} are braces.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/json.h"

namespace peftlab::data {

using Lookup = std::function<const io::Json&(const std::string& field)>;

/// What is wrong with a template ("a '{' that is never closed …"), or "".
std::string template_mistake(std::string_view text);

/// The fields named, in order, repeated as written. REQUIRES: template_mistake(text) is empty, here and below.
std::vector<std::string> placeholders_of(std::string_view text);

/// A field that is not a string is written as dump_like_python writes it.
std::string fill(std::string_view text, const Lookup& lookup);

/// Fills every string inside a JSON value; a string that is one placeholder alone becomes the field's value, its type kept.
io::Json fill_json(const io::Json& value, const Lookup& lookup);

/// json.dumps(value, ensure_ascii=False): ", " and ": " between things, on one line. Strings that are not UTF-8 are an error of
/// the caller (nlohmann's type_error).
std::string dump_like_python(const io::Json& value);

/// A string itself, anything else as JSON.
std::string text_of(const io::Json& value);

}  // namespace peftlab::data
