// Low-rank updates of many matrices and of the embedding table: the points a method fills, and all that PEFT's files
// say of them.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "peftlab/low_rank.h"
#include "peftlab/method.h"
#include "peftlab/parts/also_trained.h"
#include "peftlab/parts/low_rank_options.h"
#include "peftlab/parts/low_rank_start.h"
#include "peftlab/parts/saved_bases.h"

namespace peftlab {

/// The matrices that have an update, perhaps the embedding table, and what is trained beside them.
class LowRankPoints {
 public:
  /// Reads targets, exclude, layers and, where `with_parameters`, target_parameters; then what AlsoTrained reads.
  /// `with_table` as LowRankTargets has it.
  LowRankPoints(Options& options, bool with_parameters, bool with_table = true);

  /// Matrices named as parameters ("q_proj.weight") are among the targets.
  bool names_parameters() const { return targets_.names_parameters(); }
  /// As LowRankTargets has it.
  bool is_turned(const FrozenLinear& base) const { return targets_.is_turned(base); }

  /// Makes the patch of a matrix; `bias` is the trained copy of its own bias, or undefined.
  using MakePatch = std::function<std::shared_ptr<WeightPatch>(const FrozenLinear& base, const torch::Tensor& bias)>;
  /// Makes the patch of the embedding table, whose module has that name.
  using MakeTable = std::function<std::shared_ptr<TablePatch>(const std::string& module)>;
  /// Throws ConfigError for what does not go with the modules that have an update.
  using Check = std::function<void(const std::vector<std::string>& modules)>;
  /// Fills the matrices in the model's order, the table where it is named, and what is trained whole; where an adapter
  /// `loads`, as AlsoTrained::fill has it. Throws ConfigError as LowRankTargets, AlsoTrained and the three functions do,
  /// with all faults that can be known. Once.
  void fill(InjectionPoints& points, bool loads, const MakePatch& patch, const MakeTable& table, const Check& check = {});

  /// Sets the fields of adapter_config.json. After fill().
  void write(Fields& config) const;
  static std::vector<PeftName> fields(bool with_parameters);
  /// For Method::to_peft and from_peft: with the frozen weights that PEFT saves beside its updates, and without them.
  Tensors with(Tensors named) const { return bases_.with(std::move(named)); }
  Tensors without(Tensors saved) const { return bases_.without(std::move(saved)); }

 private:
  /// Whether every target was found.
  bool fill_matrices(InjectionPoints& points, const MakePatch& patch, Faults& faults);
  void fill_table(InjectionPoints& points, const MakeTable& table);

  LowRankTargets targets_;
  AlsoTrained also_;
  std::vector<std::string> filled_;  // module names
  bool fan_in_fan_out_ = false;      // PEFT's: matrices are kept as (in, out), and none is named as a parameter
  SavedBases bases_;
};

/// The updates W + s B A themselves, as LoRA has them and methods that go on from it: options, starts, PEFT's type
/// LORA.
class LowRankUpdates {
 public:
  /// Reads rank, alpha, rslora, rank_pattern, alpha_pattern, dropout, lora_bias where `more` says so, init, targets,
  /// exclude, layers, target_parameters where `more` says so, bias, modules_to_save and trainable_token_indices.
  enum class More { kNothing, kBiasAndParameters };
  LowRankUpdates(Options& options, More more);

  /// Makes the patch of a matrix, or of the embedding table from a (rank, V) and b (C, rank).
  using MakePatch = std::function<std::shared_ptr<WeightPatch>(const FrozenLinear& base, const LowRankTensors& tensors,
                                                               double scale)>;
  using MakeTable =
      std::function<std::shared_ptr<TablePatch>(const torch::Tensor& a, const torch::Tensor& b, double scale)>;
  /// Fills the points; where an adapter `loads`, nothing is drawn. Throws ConfigError for a rank above that of a
  /// matrix, a pattern that matches nothing (but not where an adapter loads), and as LowRankPoints::fill does.
  void fill(InjectionPoints& points, bool loads, const MakePatch& patch, const MakeTable& table);
  /// A LowRankPatch with this dropout.
  std::shared_ptr<LowRankPatch> plain(const FrozenLinear& base, const LowRankTensors& tensors, double scale) const;
  static std::shared_ptr<TablePatch> plain_table(const torch::Tensor& a, const torch::Tensor& b, double scale);

  double dropout() const { return dropout_; }
  bool has_lora_bias() const { return lora_bias_; }
  /// Whether A and B start from a decomposition of W.
  bool decomposes() const { return start_.decomposes(); }

  /// The adapter_config.json of a plain update (`use_dora` false). `doubled`: as LowRankSize::write has it, and then
  /// init_lora_weights is PEFT's default.
  Fields config(bool doubled = false) const;
  /// As those of LowRankPoints.
  Tensors with(Tensors named) const { return points_.with(std::move(named)); }
  Tensors without(Tensors saved) const { return points_.without(std::move(saved)); }

 private:
  LowRankSize size_;
  double dropout_;
  bool takes_more_;
  bool lora_bias_;
  LowRankStart start_;
  LowRankPoints points_;
};

/// Options from a configuration of PEFT's type LORA with `use_dora` as `dora` says; nothing for another one. `more` are
/// fields of the method's own. A configuration without targets means PEFT's default for the architecture. Throws
/// ConfigError naming each field that changes the maths and is not known.
std::optional<Fields> options_from_lora_config(const Fields& config, bool dora, const std::vector<PeftName>& more);

}  // namespace peftlab
