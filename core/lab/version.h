#pragma once

namespace peftlab::lab {

/// The program's own version, as the build system knows it.
extern const char* const kVersion;

/// The commit it was built from, "+" behind it where sources had been changed since; "" where they were no checkout.
extern const char* const kCommit;

}  // namespace peftlab::lab
