// An adapter's way through a folder and back, in memory.
#pragma once

#include <string>
#include <vector>

#include "core/plugin/created.h"

namespace peftlab::check {

/// What comes back of the adapter when it is written and read: the configuration through JSON, tensors as they are.
Adapter as_from_a_file(const Adapter& adapter);

/// Whether the library takes the adapter that it wrote.
bool reads_its_own(const plugin::MethodLibrary& library, const Adapter& adapter);

/// The method as this library makes it of the adapter's configuration, wherever the library lies; where it does not
/// take it, as the one method that does. Throws ConfigError when there is none, or several.
plugin::CreatedMethod created_from(const plugin::MethodLibrary& library, const Adapter& adapter);

/// The other methods there are that would take the adapter: it must have one reader.
std::vector<std::string> others_that_read(const plugin::MethodLibrary& library, const Adapter& adapter);

/// Whether the library takes an adapter of a kind that no method has.
bool takes_foreign_adapters(const plugin::MethodLibrary& library);

}  // namespace peftlab::check
