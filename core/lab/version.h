#pragma once

namespace peftlab::lab {

/// The program's own version, as the build system knows it.
extern const char* const kVersion;

}  // namespace peftlab::lab
