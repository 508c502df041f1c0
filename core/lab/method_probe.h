// What a method fills, found by trying it on a model of a few kilobytes.
#pragma once

#include <string>
#include <vector>

#include "core/plugin/library.h"

namespace peftlab::lab {

/// The kinds of points the method fills with its default options: "matrices", "parameters", "table", "virtual tokens", "prefix",
/// each once, in this order. Empty when it cannot be attached without options of its own. Runs the method's code.
std::vector<std::string> filled_by_default(const plugin::MethodLibrary& library);

}  // namespace peftlab::lab
