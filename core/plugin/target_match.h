// Which modules a `targets` option means, with PEFT's rules.
#pragma once

#include <string>
#include <vector>

#include "peftlab/options.h"

namespace peftlab::plugin {

struct TargetModule {
  std::string name;    // Hugging Face module path
  int64_t layer = -1;  // -1: outside the layers
  bool all_linear = false;  // whether "all-linear" means it
};

/// For each module whether it is meant: a name matches the whole path or its end after a dot, a regular expression the whole
/// path. Throws ConfigError listing the modules there are when a name, the expression or the whole target matches nothing, or
/// an expression is broken. Source: PEFT 0.21, `check_target_module_exists`.
std::vector<bool> match_targets(const std::vector<TargetModule>& modules, const Targets& targets);

}  // namespace peftlab::plugin
