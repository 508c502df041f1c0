#include "core/parts/faults.h"

#include <algorithm>
#include <sstream>

namespace peftlab {

void Faults::add(const std::string& lines, const std::string& option) {
  static const std::string usual = "targets: ";
  std::istringstream each(lines);
  for (std::string line; std::getline(each, line);) {
    if (line.starts_with(usual)) line = option + ": " + line.substr(usual.size());
    lines_ += (lines_.empty() ? "" : "\n") + line;
  }
}

void Faults::throw_if_any() const {
  if (!lines_.empty()) throw ConfigError(lines_);
}

std::vector<const FrozenLinear*> found_weights(const InjectionPoints& points, const Targets& targets, Faults& faults) {
  std::vector<const FrozenLinear*> found;
  if (faults.keep([&] { found = points.weights(targets); })) return found;
  Targets one = targets;
  one.exclude.clear();
  one.layers.clear();
  Faults told;
  const auto add = [&] {
    for (const auto* base : points.weights(one)) {
      if (std::find(found.begin(), found.end(), base) == found.end()) found.push_back(base);
    }
  };
  if (targets.names.empty()) told.keep(add);
  for (const auto& name : targets.names) {
    one.names = {name};
    told.keep(add);
  }
  return found;
}

std::string last_part(const std::string& module) { return module.substr(module.rfind('.') + 1); }

}  // namespace peftlab
