// The adapter_config.json of methods that PEFT lacks.
#pragma once

#include <optional>
#include <string>

#include "peftlab/value.h"

namespace peftlab::plugin {

/// `peft_type` PEFTLAB_<NAME> and, under "options", the options as read.
Fields own_config(const std::string& method, Fields options);

/// The method's name when `peft_type` is such a one.
std::optional<std::string> own_method(const Fields& config);

}  // namespace peftlab::plugin
