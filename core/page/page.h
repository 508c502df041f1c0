// The report: one file that needs nothing else.
#pragma once

#include <string>

#include "core/page/material.h"

namespace peftlab::page {

/// A whole HTML document. It loads nothing and runs no script, and forbids both to whatever might get into it; the same
/// material gives the same bytes. `made_by` stands at its foot: "peftlab 0.1.0".
std::string document(const Material& material, const std::string& made_by);

}  // namespace peftlab::page
