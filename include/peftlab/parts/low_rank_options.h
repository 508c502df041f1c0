// The options that methods with low-rank updates share, and how PEFT writes them.
#pragma once

#include <string>
#include <vector>

#include "peftlab/method.h"
#include "peftlab/peft.h"

namespace peftlab {

/// Throws ConfigError, naming the matrix and its size, for a rank that its update cannot have; `option` gave the rank.
/// An adapter that is read may hold more rows than are of use.
void check_rank(const FrozenLinear& base, int64_t rank, const std::string& option = "rank");

/// What methods call rank and alpha, and whether they have the option `rslora`.
struct LowRankWords {
  const char* rank = "rows of A and columns of B";
  const char* alpha_field = "lora_alpha";  // PEFT's
  bool has_rslora = true;
};

/// Rank and scale of each module's update: scale = alpha / rank, or alpha / sqrt(rank) with `rslora`
/// (Kalajdzievski, 2023, https://arxiv.org/abs/2312.03732).
class LowRankSize {
 public:
  /// Reads rank, alpha, rslora where there is one, rank_pattern and alpha_pattern.
  explicit LowRankSize(Options& options, const LowRankWords& words = {});

  struct Of {
    int64_t rank;
    double scale;
  };
  /// The first pattern that matches the module counts.
  Of of(const std::string& module) const;
  /// As check_rank, for the module's rank.
  void check_rank_of(const FrozenLinear& base) const;
  /// Throws ConfigError for each key of a pattern that matches none of the modules, which are those that are filled.
  /// For options of an experiment: in PEFT's adapters a pattern may match nothing.
  void check_patterns(const std::vector<std::string>& modules) const;

  /// Sets the fields of adapter_config.json. `doubled`: every update is written with twice its rank, at the same scale.
  void write(Fields& config, bool doubled = false) const;
  static std::vector<PeftName> fields(const LowRankWords& words = {});

 private:
  LowRankWords words_;
  int64_t rank_;
  double alpha_;
  bool rslora_;
  NumberPattern ranks_;
  NumberPattern alphas_;
};

class Faults;

/// Which matrices, and whether the embedding table.
class LowRankTargets {
 public:
  /// Reads targets, exclude, layers and, where `with_parameters`, target_parameters. `with_table`: the embedding table
  /// may be named.
  LowRankTargets(Options& options, bool with_parameters, bool with_table = true);

  /// Matrices named as parameters ("q_proj.weight") are among the targets.
  bool names_parameters() const { return !parameters_.empty(); }
  /// Whether the matrix is named as a parameter that files keep as (in, out): PEFT takes such a one as it is kept.
  bool is_turned(const FrozenLinear& base) const;
  /// The matrices, in the model's order, less those named in `left_out` and those below modules named there. Without
  /// any name PEFT's default for the architecture. What InjectionPoints::weights throws goes to `faults`; then these are
  /// the matrices that some name means. Throws ConfigError for a regular expression that matches the embedding table.
  std::vector<const FrozenLinear*> matrices(const InjectionPoints& points, const std::vector<std::string>& left_out,
                                            Faults& faults) const;
  /// Whether the embedding table is named.
  bool names_table(const InjectionPoints& points) const;

  /// Sets the fields of adapter_config.json; `filled` are the names of the modules that have an update.
  void write(Fields& config, const std::vector<std::string>& filled) const;

 private:
  std::vector<std::string> parameters_;
  Targets targets_;
};

}  // namespace peftlab
