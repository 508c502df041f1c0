// The dynamic linker's complaints in words.
#pragma once

#include <string>

namespace peftlab::plugin {

/// Why a library could not be loaded and what to do, from what the dynamic linker said; `stem` is the library's name without
/// ".so". Knows a method built for another peftlab, another libtorch or another C++ library, missing libraries and missing
/// symbols; other messages are passed on.
std::string linker_reason(const std::string& message, const std::string& stem);

}  // namespace peftlab::plugin
