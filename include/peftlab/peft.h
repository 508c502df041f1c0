// Helps a method to read and write the adapter_config.json of PEFT, https://huggingface.co/docs/peft.
#pragma once

#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "peftlab/options.h"
#include "peftlab/points.h"
#include "peftlab/value.h"

namespace peftlab {

/// The fields that every configuration of PEFT has, for a causal language model.
Fields peft_fields(const std::string& peft_type);

/// Sets `target_modules`, `exclude_modules`, `layers_to_transform` and `layers_pattern`: as `targets` says it where PEFT has
/// words for that, otherwise by the full names of what was `filled`.
void set_peft_targets(Fields& config, const Targets& targets, const std::vector<std::string>& filled);

/// Whether a module of that name is meant by one of `names`: equal to it, or ending in "." + it.
bool is_named(const std::string& module, const std::vector<std::string>& names);

/// Numbers by regular expressions on module names, as PEFT's rank_pattern and alpha_pattern: a key matches the end of a module's
/// name from a dot on, and the first that matches counts.
class NumberPattern {
 public:
  /// Reads the option `key`. With `integers_to` > 0 the numbers are integers from 1 to that.
  NumberPattern(Options& options, const std::string& key, const std::string& about, int64_t integers_to = 0);

  /// The module's number, or `fallback`.
  double at(const std::string& module, double fallback) const;
  /// The keys that match none of the modules.
  std::vector<std::string> unmatched(const std::vector<std::string>& modules) const;
  /// For adapter_config.json.
  const Fields& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::regex, double>> entries_;
  Fields fields_;
};

/// The module path of the embedding table, "model.embed_tokens".
std::string table_module(const InjectionPoints& points);

/// The embedding table as files keep it, (V, C): what a method saves beside an adapter or changes. embedding_table() of the
/// points gives its rows as the model uses them, which some architectures scale.
torch::Tensor kept_table(const InjectionPoints& points);

/// One field of PEFT's and the option of the same meaning.
struct PeftName {
  const char* field;
  const char* option;
};

/// Options that say what a configuration of PEFT says: the fields in `renamed` (absent or null: left to the option's default),
/// and the targets as `targets`, `exclude` and `layers`. Fields in `inert` change nothing. Throws ConfigError naming every other
/// field that is not neutral (null, false, "", [] or {}), since it may change the maths.
Fields options_from_peft_fields(const Fields& config, const std::vector<PeftName>& renamed, const std::vector<std::string>& inert);

}  // namespace peftlab
