#include "peftlab/parts/matrix_targets.h"

#include <set>

#include "core/parts/faults.h"

namespace peftlab {

MatrixTargets::MatrixTargets(Options& options)
    : targets_(
          options.targets("targets", Targets(), "which matrices are filled; none: those usual for the architecture")) {}

std::vector<const FrozenLinear*> MatrixTargets::matrices(const InjectionPoints& points, const ModuleTable& usual) {
  targets_ = targets_or_known(targets_, usual, points.shape());
  auto chosen = points.weights(targets_);
  for (const auto* base : chosen) {
    filled_.push_back(base->name());
    turned_ = turned_ || base->fan_in_fan_out();
    if (base->layer() < 0) bases_.add(base->name(), base->weight());
  }
  return chosen;
}

void MatrixTargets::check(const std::vector<const FrozenLinear*>& matrices, const Check& check) {
  Faults faults;
  std::set<std::string> names;
  for (const auto* base : matrices) {
    const bool is_first = names.insert(last_part(base->name())).second;
    if (is_first || faults.empty()) faults.keep([&] { check(*base); });
  }
  faults.throw_if_any();
}

void MatrixTargets::write(Fields& config, const std::vector<std::string>& lacking) const {
  config.set("modules_to_save", nullptr);
  set_peft_targets_without(config, lacking, targets_, filled_);
}

}  // namespace peftlab
