// Names for rows.
#pragma once

#include <string>
#include <vector>

#include "core/compare/run.h"

namespace peftlab::compare {

/// One label for each of `runs`, which differ in their settings: the experiment's name, and where several have the same
/// name the settings in which they differ.
std::vector<std::string> labels_of(const std::vector<const Run*>& runs);

}  // namespace peftlab::compare
