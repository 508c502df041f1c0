// Which models and options a method is tried with.
#pragma once

#include <string>
#include <vector>

#include "core/check/subject.h"

namespace peftlab::check {

struct Trials {
  /// The options asked for on every kind that takes them, then the same with one option varied, on the first such kind.
  std::vector<Trial> tried;
  /// "gpt2: has no biases ...": what was refused, by a message for the user, and so not tried.
  std::vector<std::string> refused;
};

/// `given`: options that stay as they are. An option that must be given, and is not, gets a value that fits its kind:
/// small whole numbers, a short text. Varied are flags, choices and probabilities that are zero. `models` are names;
/// empty: every kind. Throws ConfigError when the options are wrong or no kind takes the method, PluginError for a
/// fault of the method.
Trials trials_of(const plugin::MethodLibrary& library, const io::Json& given, const std::vector<std::string>& models);

/// `given` with what must be given beside it.
io::Json completed(const plugin::MethodLibrary& library, const io::Json& given);

}  // namespace peftlab::check
