// How the help of the program and its verbs is laid out.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>

namespace peftlab::cli {

/// Help within 80 columns: long descriptions go on in further lines, long examples after a backslash. Set it on the program before
/// verbs are added, which take it over.
std::shared_ptr<CLI::Formatter> help_format();

}  // namespace peftlab::cli
