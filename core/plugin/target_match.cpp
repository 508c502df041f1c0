#include "core/plugin/target_match.h"

#include <algorithm>
#include <map>
#include <regex>

#include "core/io/json.h"
#include "core/io/regex_fault.h"
#include "peftlab/error.h"

namespace peftlab::plugin {
namespace {

bool ends_in(const std::string& path, const std::string& name) { return path == name || path.ends_with("." + name); }

/// The last parts of a module path, as many as `name` has.
std::string end_like(const std::string& path, const std::string& name) {
  auto at = path.size();
  for (auto parts = 1 + std::count(name.begin(), name.end(), '.'); parts > 0 && at != std::string::npos; --parts) {
    at = at == 0 ? std::string::npos : path.rfind('.', at - 1);
  }
  return at == std::string::npos ? path : path.substr(at + 1);
}

std::string together(const std::vector<std::string>& parts) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) text += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
  return text;
}

std::regex compiled(const std::string& option, const std::string& expression) {
  const auto fault = io::regex_fault(expression);
  if (!fault.empty()) throw ConfigError(option + ": '" + expression + "' is no regular expression: " + fault);
  return std::regex(expression, std::regex::ECMAScript);
}

/// Marks what one name or expression means; `unused` are those that meant nothing.
class Matcher {
 public:
  Matcher(const std::string& option, const std::vector<std::string>& names, const std::string& regex)
      : has_regex_(!regex.empty()),
        given_(has_regex_ ? std::vector<std::string>{regex} : names),
        used_(given_.size(), false) {
    if (has_regex_) regex_ = compiled(option, regex);
  }
  bool operator()(const std::string& path) {
    bool any = false;
    for (size_t i = 0; i < given_.size(); ++i) {
      if (has_regex_ ? std::regex_match(path, regex_) : ends_in(path, given_[i])) any = used_[i] = true;
    }
    return any;
  }
  bool is_expression() const { return has_regex_; }
  std::vector<std::string> unused() const {
    std::vector<std::string> list;
    for (size_t i = 0; i < given_.size(); ++i) {
      if (!used_[i]) list.push_back(given_[i]);
    }
    return list;
  }

 private:
  bool has_regex_;
  std::vector<std::string> given_;
  std::vector<bool> used_;
  std::regex regex_;
};

/// The faults of one match, told together.
class Faults {
 public:
  Faults(const std::vector<TargetModule>& modules, const Targets& targets) : modules_(modules), targets_(targets) {}

  void add(const std::string& line) { lines_ += (lines_.empty() ? "" : "\n") + line; }

  void add_unused(const std::string& option, const Matcher& matcher, const std::vector<std::string>& others) {
    for (const auto& text : matcher.unused()) {
      add(option + ": '" + text + "' matches no module" + (matcher.is_expression() ? "" : hint(text, others)) +
          has(others));
    }
  }

  void add_layers() {
    int64_t last = -1;
    for (const auto& module : modules_) last = std::max(last, module.layer);
    for (const int64_t layer : targets_.layers) {
      if (layer >= 0 && layer <= last) continue;
      add("layers: there is no layer " + std::to_string(layer) + "; the model has " +
          (last < 0 ? "none of these modules in its layers" : "layers 0 to " + std::to_string(last)));
    }
  }

  /// What is right by itself leaves nothing: `any` says whether modules were meant at first.
  void add_nothing_left(bool any) {
    if (!lines_.empty()) return;
    const bool many = targets_.names.size() > 1;
    const std::string first = targets_.names.empty() ? "" : targets_.names[0];
    const std::string what = targets_.all_linear ? "all-linear" : targets_.regex.empty() ? first : targets_.regex;
    if (what.empty()) return add("targets: nothing is named" + has({}));
    std::string line = "targets: " + (many ? "the given names leave" : "'" + what + "' leaves") + " no module to fill";
    const bool excludes = !targets_.exclude.empty(), picks = !targets_.layers.empty();
    if (any && (excludes || picks)) {
      const std::string who = excludes && picks ? "exclude and layers leave"
                              : excludes        ? "exclude leaves"
                                                : "layers leaves";
      line += ", for " + who + " out all that " + (many ? "they mean" : "it means");
    }
    add(line + has({}));
  }

  void throw_if_any() const {
    if (!lines_.empty()) throw ConfigError(lines_);
  }

 private:
  std::string hint(const std::string& name, const std::vector<std::string>& others) const {
    const auto last = end_like(name, "");
    for (const auto& module : modules_) {
      const bool is_part = std::find(module.parts.begin(), module.parts.end(), last) != module.parts.end();
      if (is_part) return "; it is a part of '" + end_like(module.name, "") + "' here";
    }
    std::vector<std::string> known;
    for (const auto& module : modules_) known.push_back(end_like(module.name, name));
    for (const auto& other : others) known.push_back(end_like(other, name));
    const auto near = io::nearest(name, known);
    return near.empty() ? "" : "; did you mean '" + near + "'?";
  }

  /// The distinct last parts of the module paths: what a user would write.
  std::string has(const std::vector<std::string>& others) const {
    std::map<std::string, std::string> names;
    for (const auto& other : others) names.emplace(end_like(other, ""), "");
    for (const auto& module : modules_) names[end_like(module.name, "")] = together(module.parts);
    std::string text;
    for (const auto& [name, parts] : names) {
      text += (text.empty() ? "" : ", ") + name + (parts.empty() ? "" : " (" + parts + " in one)");
    }
    return "; the model has: " + text;
  }

  const std::vector<TargetModule>& modules_;
  const Targets& targets_;
  std::string lines_;
};

}  // namespace

bool is_expression(const std::vector<std::string>& exclude) {
  return exclude.size() == 1 && exclude[0].find_first_of("*+?[(|\\^$") != std::string::npos;
}

std::vector<bool> match_targets(const std::vector<TargetModule>& modules, const Targets& targets,
                                const MatchRules& rules) {
  const bool by_regex = is_expression(targets.exclude);
  Matcher wanted("targets", targets.names, targets.regex);
  Matcher excluded("exclude", by_regex ? std::vector<std::string>{} : targets.exclude,
                   by_regex ? targets.exclude[0] : "");
  std::vector<bool> matches;
  bool any = false;
  for (const auto& module : modules) {
    const bool meant = targets.all_linear ? module.all_linear : wanted(module.name);
    const bool in_layers = targets.layers.empty() || std::find(targets.layers.begin(), targets.layers.end(),
                                                               module.layer) != targets.layers.end();
    const bool left_out = excluded(module.name);
    any = any || meant;
    matches.push_back(meant && in_layers && !left_out);
  }
  for (const auto& other : rules.others) excluded(other);
  Faults faults(modules, targets);
  if (!targets.all_linear) faults.add_unused("targets", wanted, {});
  if (!rules.accepts_unmatched) {
    faults.add_unused("exclude", excluded, rules.others);
    faults.add_layers();
  }
  if (std::none_of(matches.begin(), matches.end(), [](bool m) { return m; })) faults.add_nothing_left(any);
  faults.throw_if_any();
  return matches;
}

}  // namespace peftlab::plugin
