#include "peftlab/parts/module_choice.h"

#include <algorithm>

#include "core/io/regex_fault.h"
#include "peftlab/error.h"

namespace peftlab {

ModuleChoice::ModuleChoice(Options& options, const std::string& key, const std::string& about) : key_(key) {
  const auto value = options.any(key, about);
  if (value.is_null()) return;
  given_ = true;
  const auto fault = value.is_text() ? io::regex_fault(value.text()) : "";
  if (!fault.empty()) options.mistake(key, "'" + value.text() + "' is no regular expression: " + fault);
  try {
    if (!value.is_text()) {
      names_ = value.texts();
    } else if (fault.empty()) {
      pattern_ = value.text();
      regex_ = std::regex(pattern_);
    }
  } catch (const ConfigError& error) {
    options.mistake(key, std::string(error.what()) + "; expected module names, or a regular expression");
  }
}

bool ModuleChoice::has(const std::string& module) const {
  if (by_pattern()) return std::regex_match(module, regex_);
  return std::ranges::any_of(names_, [&](const std::string& name) { return module.ends_with(name); });
}

void ModuleChoice::check(const std::vector<std::string>& filled) const {
  if (by_pattern() && std::ranges::none_of(filled, [this](const std::string& module) { return has(module); }))
    throw ConfigError(key_ + ": '" + pattern_ + "' matches none of the targets");
  for (const auto& name : names_) {
    if (std::ranges::none_of(filled, [&](const std::string& module) { return module.ends_with(name); }))
      throw ConfigError(key_ + ": '" + name + "' is none of the targets");
  }
}

}  // namespace peftlab
