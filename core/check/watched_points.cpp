#include "core/check/watched_points.h"

namespace peftlab::check {

void WatchedPoints::refuse_if_asked(const Targets& targets) const {
  if (!refusing_) return;
  ++num_refused_;
  const std::string wanted = targets.all_linear                                ? "all-linear"
                             : !targets.regex.empty() || targets.names.empty() ? targets.regex
                                                                               : targets.names[0];
  throw ConfigError("'" + wanted + "' matches no module of this model, which has none");
}

std::vector<const FrozenLinear*> WatchedPoints::weights(const Targets& targets) const {
  refuse_if_asked(targets);
  return points_.weights(targets);
}

std::vector<const FrozenParameter*> WatchedPoints::parameters(const Targets& targets) const {
  refuse_if_asked(targets);
  return points_.parameters(targets);
}

void WatchedPoints::store(const FrozenLinear& base, std::shared_ptr<const WeightStorage> storage) {
  stored_.push_back(base.name());
  points_.store(base, std::move(storage));
}

at::Generator WatchedPoints::generator(const std::string& name) const {
  ++num_drawn_;
  return points_.generator(name);
}

}  // namespace peftlab::check
