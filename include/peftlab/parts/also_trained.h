// What PEFT's low-rank methods train beside their own tensors: whole modules, biases of the model, rows of the
// embedding table.
#pragma once

#include <string>
#include <vector>

#include "peftlab/method.h"
#include "peftlab/peft.h"

namespace peftlab {

class AlsoTrained {
 public:
  /// Reads bias, modules_to_save and trainable_token_indices.
  explicit AlsoTrained(Options& options);

  /// Modules that are trained whole, as they are given: they and all below them get no update.
  const std::vector<std::string>& modules() const { return modules_; }
  /// The copy of the matrix's own bias that its patch trains, (out) in the trainable type, or undefined.
  torch::Tensor bias_for(const InjectionPoints& points, const FrozenLinear& base) const;
  /// Fills what is trained whole, the biases of modules that are not `filled` (with bias "all"), and the table's rows.
  /// A head that is tied to a table which is trained whole stays as it is. Where an adapter `loads`, modules_to_save is
  /// PEFT's: a name means each module whose path ends in it, with or without a dot before, and all below ("norm" is
  /// "input_layernorm" too). Throws ConfigError for what the model lacks. Once.
  void fill(InjectionPoints& points, const std::vector<std::string>& filled, bool loads);

  /// Sets the fields of adapter_config.json. After fill() modules_to_save holds whole paths, which PEFT cannot take for
  /// other modules.
  void write(Fields& config) const;
  static std::vector<PeftName> fields();

 private:
  void read_tokens(Options& options);
  std::vector<const FrozenParameter*> whole(const InjectionPoints& points, bool loads) const;
  void fill_biases(InjectionPoints& points, const std::vector<std::string>& filled) const;
  void fill_tokens(InjectionPoints& points, const std::vector<std::string>& filled) const;

  std::string bias_;
  std::vector<std::string> modules_;
  std::vector<std::string> whole_;  // the modules that are trained whole, by their paths
  Value tokens_;              // as given: a list, or an object with one list
  std::string token_module_;  // the object's key, or ""
  std::vector<int64_t> token_ids_;
};

}  // namespace peftlab
