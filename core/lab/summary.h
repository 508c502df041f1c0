// The end of a run in a page of text.
#pragma once

#include <string>

#include "core/io/json.h"

namespace peftlab::lab {

/// Base, tuned and change; forgetting; trainable parameters; time and memory by phase; wrong outputs; where things lie and what
/// to type next. Made from the record alone. `width`: columns.
std::string summary_of(const io::Json& record, const std::string& folder, int width);

}  // namespace peftlab::lab
