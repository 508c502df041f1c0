// A low-rank update as a sum of triplets that can be weighed and switched off one by one.
#pragma once

#include <torch/types.h>

#include <array>
#include <memory>
#include <string>

#include "peftlab/importance.h"
#include "peftlab/low_rank.h"

namespace peftlab {

/// y = W x + bias + s B (E . (A z)), z = x or, in training, x with dropout: `lora_A` (rank, in), `lora_E` (rank, 1),
/// `lora_B` (out, rank), as PEFT names them; triplet k is the row A_k, the number E_k and the column B_k. A rank of
/// zero is allowed. The averages of importance and what is kept are buffers.
class TripletPatch final : public WeightPatch {
 public:
  /// The trained A, E, B, and the trained copy of the layer's own bias or undefined.
  struct Start {
    torch::Tensor a, e, b, base_bias;
  };
  TripletPatch(Start start, double scale, double dropout, uint64_t salt);

  torch::Tensor forward(const FrozenLinear& base, const torch::Tensor& x) override;
  std::optional<Merged> merged(const FrozenLinear& base) const override;
  std::optional<LowRankFactors> factors() const override;

  const torch::Tensor& a() const { return parts_[0].value; }  // (rank, in)
  const torch::Tensor& e() const { return parts_[1].value; }  // (rank, 1)
  const torch::Tensor& b() const { return parts_[2].value; }  // (out, rank)
  int64_t rank() const { return a().size(0); }

  /// A, E and B with the averages of their importance.
  const std::array<Watched, 3>& parts() const { return parts_; }
  /// s(E_k) + mean of s(A_k) + mean of s(B_k) for each triplet, s = mean spread (Zhang et al., 2023, equations 7 and
  /// 11): (rank). Without grad mode as all that follows.
  torch::Tensor scores() const;
  /// Zeroes E of the triplets that are not kept: (rank), booleans.
  void keep(const torch::Tensor& kept);
  /// The same once more: the optimizer moves what was zeroed.
  void keep_again();
  void forget_importance();
  /// The triplets that do something or may: those that are kept, and those the optimizer has moved again: (rank).
  torch::Tensor used() const;

 private:
  Watched part(const std::string& name, torch::Tensor value);
  bool drops() const { return is_training() && dropout_ > 0.0; }
  LowRankFactors update() const { return {a() * e(), b(), scale_}; }

  std::array<Watched, 3> parts_;               // A, E, B
  torch::Tensor kept_;                         // (rank)
  std::shared_ptr<WeightAndBias> base_layer_;  // holds the trained copy of the base's bias, or null
  double scale_;
  double dropout_;
  uint64_t salt_;
};

}  // namespace peftlab
