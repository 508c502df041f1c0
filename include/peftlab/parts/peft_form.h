// Configurations of PEFT that have some fields of their own kind: what peft.h says for all, narrowed to one type.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "peftlab/peft.h"

namespace peftlab {

/// A field and the one text it may hold ("bias": "none").
struct PeftOnly {
  const char* field;
  const char* text;
};

/// Options from a configuration whose peft_type is `peft_type`, as options_from_peft_fields reads them; nothing for
/// another type. A field in `only` is left out where it holds its text, and any other value of it is refused. Throws
/// ConfigError.
std::optional<Fields> options_of_peft_type(const std::string& peft_type, const Fields& config,
                                           const std::vector<PeftName>& renamed, const std::vector<std::string>& inert,
                                           const std::vector<PeftOnly>& only = {});

/// set_peft_targets for a configuration without the fields in `lacking`: targets that need one of them are written as
/// the full names of what was `filled`.
void set_peft_targets_without(Fields& config, const std::vector<std::string>& lacking, const Targets& targets,
                              const std::vector<std::string>& filled);

/// An integer where the number is one, as PEFT writes them.
Value number_value(double number);

}  // namespace peftlab
