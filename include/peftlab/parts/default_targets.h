// The modules that are usually filled when an experiment names none, by the model's architecture.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "peftlab/options.h"
#include "peftlab/points.h"

namespace peftlab {

/// Module names by `ModelShape::architecture`.
using ModuleTable = std::map<std::string, std::vector<std::string>>;

/// The table's names for the model. Throws ConfigError that begins with the option `key` where the table has none.
const std::vector<std::string>& known_modules(const ModuleTable& table, const ModelShape& shape,
                                              const std::string& key);

/// `given` where it says which modules; otherwise the table's names, less what `given` excludes and in its layers.
/// Throws as known_modules does, for the option "targets".
Targets targets_or_known(const Targets& given, const ModuleTable& table, const ModelShape& shape);

/// Query and value projections, or the matrix they are part of: what LoRA fills in its paper (section 5.1), and PEFT
/// for it and for most methods after it.
const ModuleTable& query_value_modules();

}  // namespace peftlab
