// A small project that a new method begins as.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace peftlab::lab {

/// Throws ConfigError unless `name` can be a method's: a small letter, then small letters, digits and '_', at most 40
/// of them, and no method that is found under that name already.
void check_method_name(const std::string& name);

/// Where find_package finds this peftlab: lib/cmake/peftlab beside the program, of a build or of an installation.
/// Throws ConfigError when there is none.
std::filesystem::path package_folder();

/// Writes NAME.cpp, CMakeLists.txt, NAME.json and README.md into `folder`, which appears whole or not at all, and
/// returns the files' names. The method works as it stands: it scales the outputs of linear layers. Throws ConfigError
/// when `folder` exists or the name is refused, RunError when the disk refuses.
std::vector<std::string> write_method_project(const std::string& name, const std::filesystem::path& folder);

}  // namespace peftlab::lab
