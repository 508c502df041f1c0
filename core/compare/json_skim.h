// Single values out of long JSON texts, without building the rest.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

namespace peftlab::compare {

/// Calls `visit` with key (as written, between its quotes) and value (as written) of each member of the one object that
/// `text` is, and stops when it returns false. Returns false where the text is not an object whose brackets and quotes
/// match.
bool for_each_field(std::string_view text,
                    const std::function<bool(std::string_view key, std::string_view value)>& visit);

/// The object without members of these names, down to the eighth object in an
/// object. The text as it is where it cannot be read so.
std::string without_fields(std::string_view text, std::initializer_list<std::string_view> names);

}  // namespace peftlab::compare
