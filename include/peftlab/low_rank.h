// The low-rank update of a frozen matrix or table, computed without building the (out, in) difference.
#pragma once

#include <torch/types.h>

#include <memory>
#include <optional>

#include "peftlab/points.h"

namespace peftlab {

/// What a plain low-rank update is made of: W + scale * up * down.
struct LowRankFactors {
  torch::Tensor down;  // (rank, in)
  torch::Tensor up;    // (out, rank)
  double scale = 1.0;
};

/// y = W x + bias + scale * up (down z), z = x or, with dropout, `dropped`: (..., in) -> (..., out).
/// The products are made in the type of x; gradients of the factors are in theirs. Keeps x (one tensor for all points
/// that share it) and down z, never W and never a copy of x. Reference: Hu et al., 2021, section 4.1.
torch::Tensor low_rank_linear(const FrozenLinear& base, const torch::Tensor& x, const LowRankFactors& factors,
                              const torch::Tensor& dropped = {});

/// scale * up (down x) alone, in the type of x: (..., in) -> (..., out).
torch::Tensor low_rank_product(const torch::Tensor& x, const LowRankFactors& factors);

/// W + scale * up * down, computed in float32 (float64 for a float64 base): (out, in).
torch::Tensor low_rank_merged(const FrozenLinear& base, const LowRankFactors& factors);

/// A matrix and a bias, either perhaps undefined, under the names that linear layers give them.
class WeightAndBias final : public torch::nn::Module {
 public:
  WeightAndBias(torch::Tensor weight, torch::Tensor bias);
  const torch::Tensor& weight() const { return weight_; }
  const torch::Tensor& bias() const { return bias_; }

 private:
  torch::Tensor weight_;
  torch::Tensor bias_;
};

/// The tensors of a LowRankPatch; undefined where there is none.
struct LowRankTensors {
  torch::Tensor a;          // (rank, in), trained
  torch::Tensor b;          // (out, rank), trained
  torch::Tensor b_bias;     // (out), trained, scaled as the product is
  torch::Tensor base_bias;  // (out), the trained copy of the layer's own bias
  torch::Tensor start_a;    // (rank, in), held fixed: the update is counted from start_b start_a on
  torch::Tensor start_b;    // (out, rank)
  /// A and B are of the transposed matrix, as files keep it that have it as (in, out): A and start_a are (rank, out), B
  /// and start_b (in, rank).
  bool turned = false;
};

/// y = W x + bias + s (B A z - B0 A0 x), z = x or, with dropout in training, x dropped: a low-rank update under PEFT's
/// names, `lora_A.weight` (rank, in), `lora_B.weight` (out, rank), `lora_B.bias`, `base_layer.bias`. B0 A0 is what B A
/// was at the start where that was not zero; without it the term is left out.
class LowRankPatch : public WeightPatch {
 public:
  /// `salt` tells the dropout of this point from another's.
  LowRankPatch(LowRankTensors tensors, double scale, double dropout, uint64_t salt);

  torch::Tensor forward(const FrozenLinear& base, const torch::Tensor& x) override;
  std::optional<Merged> merged(const FrozenLinear& base) const override;
  std::optional<LowRankFactors> factors() const override;

  /// All that is added to W, relative to the base as it is: factors of rank 2 r where the update is counted from a
  /// start.
  LowRankFactors update() const;
  /// A and B that would do the same without a start, as they are saved: `down` is A, `up` is B.
  LowRankFactors pair() const;

 protected:
  /// Whether this pass drops inputs.
  bool drops() const { return is_training() && dropout_ > 0.0; }
  torch::Tensor dropped(const torch::Tensor& x) const;
  /// B A alone.
  LowRankFactors trained() const { return oriented({a_->weight(), b_->weight(), scale_}); }
  /// - B0 A0 alone, or nothing.
  std::optional<LowRankFactors> started() const;
  /// What is added to the layer's own bias: (out), or undefined.
  torch::Tensor bias_change(const FrozenLinear& base) const;
  /// The layer's own bias with bias_change in it, in `type`: (out), or undefined.
  torch::Tensor bias(const FrozenLinear& base, torch::ScalarType type) const;

 private:
  std::shared_ptr<WeightAndBias> a_;
  std::shared_ptr<WeightAndBias> b_;
  std::shared_ptr<WeightAndBias> base_layer_;  // holds the trained copy of the base's bias, or null
  /// Factors of W for those of the matrix that A and B are of.
  LowRankFactors oriented(const LowRankFactors& of_files) const;

  torch::Tensor start_a_;
  torch::Tensor start_b_;
  double scale_;
  double dropout_;
  uint64_t salt_;
  bool turned_;
};

/// The embedding table's update, as PEFT has it: the roles are reversed, row i gets s B A_i. A tied head is left as it
/// is.
class LowRankTable : public TablePatch {
 public:
  /// `a`: (rank, V), `b`: (C, rank).
  LowRankTable(torch::Tensor a, torch::Tensor b, double scale);

  torch::Tensor rows(const torch::Tensor& ids, const torch::Tensor& x) override;
  std::optional<torch::Tensor> merged(const torch::Tensor& table) const override;
  /// A, B and s, when rows() is exactly that: for formats that know nothing else.
  virtual std::optional<LowRankFactors> factors() const { return LowRankFactors{a_, b_, scale_}; }

 protected:
  const torch::Tensor& a() const { return a_; }
  const torch::Tensor& b() const { return b_; }
  double scale() const { return scale_; }
  /// What the rows of `ids` get, in the trained type: (N) -> (N, C).
  torch::Tensor added(const torch::Tensor& ids) const;

 private:
  torch::Tensor a_;
  torch::Tensor b_;
  double scale_;
};

}  // namespace peftlab
