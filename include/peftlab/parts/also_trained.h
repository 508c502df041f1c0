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

  /// Modules that are trained whole: they get no update.
  const std::vector<std::string>& modules() const { return modules_; }
  /// The copy of the matrix's own bias that its patch trains, (out) in the trainable type, or undefined.
  torch::Tensor bias_for(const InjectionPoints& points, const FrozenLinear& base) const;
  /// Fills what is trained whole, the biases of modules that are not `filled` (with bias "all"), and the table's rows.
  /// A head that is tied to a table which is trained whole stays as it is. Throws ConfigError for what the model lacks.
  void fill(InjectionPoints& points, const std::vector<std::string>& filled) const;

  /// Sets the fields of adapter_config.json.
  void write(Fields& config) const;
  static std::vector<PeftName> fields();

 private:
  void read_tokens(Options& options);
  void fill_biases(InjectionPoints& points, const std::vector<std::string>& filled) const;
  void fill_tokens(InjectionPoints& points, const std::vector<std::string>& filled) const;

  std::string bias_;
  std::vector<std::string> modules_;
  Value tokens_;              // as given: a list, or an object with one list
  std::string token_module_;  // the object's key, or ""
  std::vector<int64_t> token_ids_;
};

}  // namespace peftlab
