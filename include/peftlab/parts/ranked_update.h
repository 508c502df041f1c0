// What updates made of small products have in common beside their maths: a rank and an alpha for each module, and
// dropout of whole rows and whole modules, as in the LyCORIS library (Yeh et al., 2024,
// https://arxiv.org/abs/2309.14859) and in PEFT.
#pragma once

#include "peftlab/parts/low_rank_options.h"

namespace peftlab {

/// Which rows of an update count in one forward pass of training.
struct RowDropout {
  double rows = 0.0;    // probability that a row of the update is left out
  bool scaled = false;  // the rows kept are scaled so that they sum up as before
  double module = 0.0;  // probability that the whole update is left out
  uint64_t salt = 0;

  bool active() const { return rows > 0.0 || module > 0.0; }
  /// (out): 0 for what is left out. The draw is `peftlab::dropout`'s.
  torch::Tensor mask(int64_t out, const torch::TensorOptions& like) const;
};

class RankedUpdate {
 public:
  /// Reads rank, alpha, rank_pattern, alpha_pattern, rank_dropout, module_dropout and, where `may_scale`,
  /// rank_dropout_scale; where not, kept rows are always scaled.
  RankedUpdate(Options& options, bool may_scale);

  /// rank, and scale = alpha / rank
  LowRankSize::Of of(const std::string& module) const { return size_.of(module); }
  /// As LowRankSize has them.
  void check_rank_of(const FrozenLinear& base) const { size_.check_rank_of(base); }
  void check_patterns(const std::vector<std::string>& modules) const { size_.check_patterns(modules); }
  RowDropout dropout(const std::string& module) const;
  /// Sets the fields of adapter_config.json that say all this.
  void write(Fields& config) const;
  /// The fields and the options they become.
  static std::vector<PeftName> fields(bool may_scale);

 private:
  LowRankSize size_;
  bool may_scale_;
  RowDropout dropout_;
};

}  // namespace peftlab
