// The matrices that a method fills where it fills nothing else, and what PEFT's files say of them.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "peftlab/parts/default_targets.h"
#include "peftlab/parts/peft_form.h"
#include "peftlab/parts/saved_bases.h"
#include "peftlab/points.h"

namespace peftlab {

class MatrixTargets {
 public:
  /// Reads targets, exclude and layers.
  explicit MatrixTargets(Options& options);

  /// The matrices that are named or, without a name, those of the model's architecture in `usual`, in the model's
  /// order. Throws ConfigError as InjectionPoints::weights and targets_or_known do. Once: what follows is about them.
  std::vector<const FrozenLinear*> matrices(const InjectionPoints& points,
                                            const ModuleTable& usual = query_value_modules());
  /// Calls `check` with each, beside a fault with one of each name alone, for those are of one size; throws all faults
  /// at once.
  using Check = std::function<void(const FrozenLinear& base)>;
  static void check(const std::vector<const FrozenLinear*>& matrices, const Check& check);
  const std::vector<std::string>& filled() const { return filled_; }  // module names
  /// What was named, or is usual.
  const Targets& named() const { return targets_; }
  /// Whether files keep matrices as (in, out): PEFT's fan_in_fan_out.
  bool turned() const { return turned_; }

  /// Sets the fields of adapter_config.json that say which modules, all but those in `lacking`, and that none is
  /// trained whole.
  void write(Fields& config, const std::vector<std::string>& lacking = {}) const;
  /// For Method::to_peft and from_peft: with the frozen weight of the output head where that is among the matrices,
  /// which PEFT saves beside what is trained on it, and without it.
  Tensors with(Tensors named) const { return bases_.with(std::move(named)); }
  Tensors without(Tensors saved) const { return bases_.without(std::move(saved)); }

 private:
  Targets targets_;
  std::vector<std::string> filled_;
  bool turned_ = false;
  SavedBases bases_;
};

}  // namespace peftlab
