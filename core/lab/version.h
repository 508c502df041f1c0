#pragma once

namespace peftlab::lab {

/// The program's own version, as the build system knows it.
inline constexpr const char* kVersion = PEFTLAB_VERSION;

}  // namespace peftlab::lab
