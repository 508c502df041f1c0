// Which modules a `targets` option means, with PEFT's rules.
#pragma once

#include <string>
#include <vector>

#include "peftlab/options.h"

namespace peftlab::plugin {

struct TargetModule {
  std::string name;         // Hugging Face module path
  int64_t layer = -1;       // -1: outside the layers
  bool all_linear = false;  // whether "all-linear" means it
  /// What other models call the matrices that this one holds together ("q_proj", "k_proj", "v_proj"); empty: it is one
  /// matrix.
  std::vector<std::string> parts = {};
};

struct MatchRules {
  /// Modules of the model that cannot be meant here. Leaving one out is no mistake.
  std::vector<std::string> others = {};
  /// `exclude` and `layers` may mean nothing, as PEFT lets its adapters.
  bool accepts_unmatched = false;
};

/// For each module whether it is meant: a name matches the whole path or its end after a dot, a regular expression the
/// whole path. Throws ConfigError with a line for each name, expression or layer of `targets`, `exclude` and `layers`
/// that matches nothing, beginning with that option and listing what there is; for targets of which nothing is left;
/// and for an expression that is none. Source: PEFT 0.21, `check_target_module_exists`.
std::vector<bool> match_targets(const std::vector<TargetModule>& modules, const Targets& targets,
                                const MatchRules& rules = {});

/// Whether `exclude` is one regular expression, not names.
bool is_expression(const std::vector<std::string>& exclude);

}  // namespace peftlab::plugin
