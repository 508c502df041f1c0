// What can be told of a shared library without running any of it.
#pragma once

#include <filesystem>
#include <string>

namespace peftlab::plugin {

/// "" if the file may be handed to the dynamic linker, otherwise why not: not a file, writable by everybody, not an ELF
/// shared library of this processor, or shorter than its own headers say (the linker would die of that).
std::string library_fault(const std::filesystem::path& path);

}  // namespace peftlab::plugin
