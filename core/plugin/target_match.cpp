#include "core/plugin/target_match.h"

#include <algorithm>
#include <regex>
#include <set>

#include "peftlab/error.h"

namespace peftlab::plugin {
namespace {

bool ends_in(const std::string& path, const std::string& name) { return path == name || path.ends_with("." + name); }

/// The distinct last parts of the module paths: what a user would write.
std::string known_names(const std::vector<TargetModule>& modules) {
  std::set<std::string> names;
  for (const auto& module : modules) names.insert(module.name.substr(module.name.rfind('.') + 1));
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::regex compiled(const std::string& expression) {
  try {
    return std::regex(expression, std::regex::ECMAScript);
  } catch (const std::regex_error& error) {
    throw ConfigError("targets: '" + expression + "' is not a regular expression: " + error.what());
  }
}

/// Marks what one name or expression means; `used` says whether it meant anything.
class Matcher {
 public:
  Matcher(const std::vector<std::string>& names, const std::string& regex) : names_(names), used_(names.size(), false) {
    if (!regex.empty()) regex_ = compiled(regex);
    has_regex_ = !regex.empty();
  }
  bool operator()(const std::string& path) {
    if (has_regex_) return std::regex_match(path, regex_);
    bool any = false;
    for (size_t i = 0; i < names_.size(); ++i) {
      if (ends_in(path, names_[i])) any = used_[i] = true;
    }
    return any;
  }
  std::vector<std::string> unused() const {
    std::vector<std::string> list;
    for (size_t i = 0; i < names_.size(); ++i) {
      if (!used_[i]) list.push_back(names_[i]);
    }
    return list;
  }

 private:
  std::vector<std::string> names_;
  std::vector<bool> used_;
  std::regex regex_;
  bool has_regex_ = false;
};

}  // namespace

std::vector<bool> match_targets(const std::vector<TargetModule>& modules, const Targets& targets) {
  const bool exclude_is_regex = targets.exclude.size() == 1 && targets.exclude[0].find_first_of("*+?[(|\\^$") != std::string::npos;
  Matcher wanted(targets.names, targets.regex);
  Matcher excluded(exclude_is_regex ? std::vector<std::string>{} : targets.exclude, exclude_is_regex ? targets.exclude[0] : "");
  std::vector<bool> matches;
  for (const auto& module : modules) {
    const bool meant = targets.all_linear ? module.all_linear : wanted(module.name);
    const bool in_layers = targets.layers.empty() ||
                           std::find(targets.layers.begin(), targets.layers.end(), module.layer) != targets.layers.end();
    matches.push_back(meant && in_layers && !excluded(module.name));
  }
  for (const auto& name : wanted.unused()) {
    throw ConfigError("targets: '" + name + "' matches no module; the model has: " + known_names(modules));
  }
  if (std::none_of(matches.begin(), matches.end(), [](bool m) { return m; })) {
    const std::string what = targets.all_linear ? "all-linear" : targets.regex.empty() ? "the given names" : "'" + targets.regex + "'";
    throw ConfigError("targets: " + what + " leave no module to fill; the model has: " + known_names(modules));
  }
  return matches;
}

}  // namespace peftlab::plugin
