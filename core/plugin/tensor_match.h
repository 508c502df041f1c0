// Copies tensors by name, strictly.
#pragma once

#include <string>

#include "peftlab/method.h"

namespace peftlab::plugin {

/// Copies each tensor of `source` into the one of the same name in `target`. Throws ConfigError, one line for each tensor that
/// is missing, not expected, of another shape or (with `finite`) not finite, each line beginning with `where`; then nothing was
/// copied. Types may differ: values are converted.
void copy_exactly(const Tensors& source, const Tensors& target, const std::string& where, bool finite);

}  // namespace peftlab::plugin
