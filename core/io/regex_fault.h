// Why a text is no regular expression, in words and with the place.
#pragma once

#include <string>

namespace peftlab::io {

/// "" for what std::regex reads (ECMAScript), otherwise "'(' at character 4 is never closed". Characters count from 1.
std::string regex_fault(const std::string& expression);

}  // namespace peftlab::io
