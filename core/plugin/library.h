// Finds and loads method libraries.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "peftlab/method.h"

namespace peftlab::plugin {

/// A method that was loaded. The library stays loaded until the program ends: types, graph nodes and deleters of it may be
/// alive anywhere.
struct MethodLibrary {
  const MethodEntry* entry = nullptr;
  std::filesystem::path path;
  std::string sha256;  // of the file
};

/// A library that was not loaded, or a folder that cannot be searched, and why.
struct RefusedLibrary {
  std::filesystem::path path;
  std::string reason;
};

struct MethodList {
  std::vector<MethodLibrary> found;      // by name
  std::vector<RefusedLibrary> refused;   // by path
};

/// Where methods are looked for, best first: the entries of $PEFTLAB_METHODS (folders or libraries, split at ':'), then the
/// folders of this build or installation.
std::vector<std::filesystem::path> method_places();

/// Loads one library. Throws PluginError "<path>: <cause and remedy>". Loading a file again gives what it gave before.
MethodLibrary load_method(const std::filesystem::path& path);

/// The method of that name; looks for "<name>.so" alone, so no other library is loaded. A name with a '/' is the path of a
/// library. Throws ConfigError, naming the nearest method and all there are, when there is none, and PluginError as above.
MethodLibrary find_method(const std::string& name);

/// Names of the libraries that could be loaded, sorted, without loading any.
std::vector<std::string> method_names();

/// Loads everything. Nothing is left out: what is not found is refused, a library that another of the same name hides too.
MethodList list_methods();

}  // namespace peftlab::plugin
