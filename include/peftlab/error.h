// Errors a user can cause and fix. A broken contract between callers is TORCH_CHECK, the impossible TORCH_INTERNAL_ASSERT.
#pragma once

#include <stdexcept>
#include <string>

namespace peftlab {

/// Something the user can fix: a wrong file, option or command. `what()` holds one mistake a line, each
/// "<file>:<line>:<column>: <json pointer>: <what is wrong, what was got, what is expected, what to do>"
/// or, for files that are not JSON, "<file>: <cause>". Exit status 2.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A library that is not a method, or a method built for another peftlab. `what()` starts with its path. Exit status 2.
class PluginError : public ConfigError {
 public:
  using ConfigError::ConfigError;
};

/// Work that failed though the request was right: a full disk, a loss that is not finite. Exit status 1.
class RunError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace peftlab
