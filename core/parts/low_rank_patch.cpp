// The patches of include/peftlab/low_rank.h.
#include <torch/types.h>
#include <torch/utils.h>

#include "peftlab/low_rank.h"
#include "peftlab/ops.h"

namespace peftlab {

torch::Tensor low_rank_product(const torch::Tensor& x, const LowRankFactors& factors) {
  const auto type = x.scalar_type();
  return x.matmul(factors.down.to(type).t()).matmul((factors.scale * factors.up).to(type).t());
}

WeightAndBias::WeightAndBias(torch::Tensor weight, torch::Tensor bias) {
  if (weight.defined()) weight_ = register_parameter("weight", std::move(weight));
  if (bias.defined()) bias_ = register_parameter("bias", std::move(bias));
}

LowRankPatch::LowRankPatch(LowRankTensors tensors, double scale, double dropout, uint64_t salt)
    : a_(register_module("lora_A", std::make_shared<WeightAndBias>(tensors.a, torch::Tensor()))),
      b_(register_module("lora_B", std::make_shared<WeightAndBias>(tensors.b, tensors.b_bias))),
      scale_(scale),
      dropout_(dropout),
      salt_(salt),
      turned_(tensors.turned) {
  if (tensors.base_bias.defined()) {
    base_layer_ = register_module("base_layer", std::make_shared<WeightAndBias>(torch::Tensor(), tensors.base_bias));
  }
  if (!tensors.start_a.defined()) return;
  start_a_ = register_buffer("start_A", tensors.start_a);
  start_b_ = register_buffer("start_B", tensors.start_b);
}

torch::Tensor LowRankPatch::dropped(const torch::Tensor& x) const { return peftlab::dropout(x, dropout_, salt_); }

std::optional<LowRankFactors> LowRankPatch::started() const {
  if (!start_a_.defined()) return std::nullopt;
  return oriented({start_a_, start_b_, -scale_});
}

LowRankFactors LowRankPatch::oriented(const LowRankFactors& of_files) const {
  if (!turned_) return of_files;
  return {of_files.up.t().contiguous(), of_files.down.t().contiguous(), of_files.scale};
}

LowRankFactors LowRankPatch::update() const { return oriented(pair()); }

LowRankFactors LowRankPatch::pair() const {
  if (!start_a_.defined()) return {a_->weight(), b_->weight(), scale_};
  return {torch::cat({a_->weight(), start_a_}), torch::cat({b_->weight(), -start_b_}, /*dim=*/1), scale_};
}

torch::Tensor LowRankPatch::forward(const FrozenLinear& base, const torch::Tensor& x) {
  torch::Tensor y;
  if (!drops()) {
    y = low_rank_linear(base, x, update());
  } else {
    y = low_rank_linear(base, x, trained(), dropped(x));
    if (const auto start = started()) y = y + low_rank_product(x, *start);
  }
  const auto change = bias_change(base);
  return change.defined() ? y + change.to(y.scalar_type()) : y;
}

std::optional<Merged> LowRankPatch::merged(const FrozenLinear& base) const {
  if (bias_change(base).defined() && !base.bias().defined()) return std::nullopt;
  auto weight = low_rank_merged(base, update());
  return Merged{weight, bias(base, weight.scalar_type())};
}

std::optional<LowRankFactors> LowRankPatch::factors() const {
  if (base_layer_ || b_->bias().defined() || drops()) return std::nullopt;
  return update();
}

torch::Tensor LowRankPatch::bias_change(const FrozenLinear& base) const {
  torch::Tensor change;
  if (b_->bias().defined()) change = scale_ * b_->bias();
  if (!base_layer_) return change;
  const auto moved = base_layer_->bias() - base.bias();
  return change.defined() ? change + moved : moved;
}

torch::Tensor LowRankPatch::bias(const FrozenLinear& base, torch::ScalarType type) const {
  const auto change = bias_change(base);
  const auto own = base.bias().defined() ? base.bias().to(type) : torch::Tensor();
  if (!change.defined()) return own;
  return own.defined() ? own + change.to(type) : change.to(type);
}

LowRankTable::LowRankTable(torch::Tensor a, torch::Tensor b, double scale)
    : a_(register_parameter("lora_embedding_A", std::move(a))),
      b_(register_parameter("lora_embedding_B", std::move(b))),
      scale_(scale) {}

torch::Tensor LowRankTable::added(const torch::Tensor& ids) const {
  const auto picked = a_.index_select(/*dim=*/1, ids).t();  // (N, rank)
  return scale_ * picked.matmul(b_.t());
}

torch::Tensor LowRankTable::rows(const torch::Tensor& ids, const torch::Tensor& x) {
  return x + added(ids).to(x.scalar_type());
}

std::optional<torch::Tensor> LowRankTable::merged(const torch::Tensor& table) const {
  return table.to(a_.scalar_type()) + scale_ * b_.matmul(a_).t();
}

}  // namespace peftlab
