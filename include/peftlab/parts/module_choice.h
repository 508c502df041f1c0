// Some among the modules that a method fills, chosen as PEFT's feedforward_modules chooses them.
#pragma once

#include <regex>
#include <string>
#include <vector>

#include "peftlab/options.h"

namespace peftlab {

class ModuleChoice {
 public:
  /// Reads the option `key`: name endings, a regular expression on whole names, or null.
  ModuleChoice(Options& options, const std::string& key, const std::string& about);

  /// Whether anything was chosen; if not, `usual` is.
  bool given() const { return given_; }
  void choose(const std::vector<std::string>& usual) { names_ = usual; }

  /// A name counts by its end whether or not a dot stands before it, as PEFT does here and only here.
  bool has(const std::string& module) const;
  /// Throws ConfigError for a name that none of `filled` ends in, or an expression that matches none.
  void check(const std::vector<std::string>& filled) const;

  bool by_pattern() const { return !pattern_.empty(); }
  const std::vector<std::string>& names() const { return names_; }
  /// As it was given, for adapter_config.json.
  Value value() const { return by_pattern() ? Value(pattern_) : Value(names_); }

 private:
  std::string key_;
  bool given_ = false;
  std::vector<std::string> names_;
  std::string pattern_;
  std::regex regex_;
};

}  // namespace peftlab
