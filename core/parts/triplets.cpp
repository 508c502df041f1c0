#include "peftlab/parts/triplets.h"

#include <torch/types.h>
#include <torch/utils.h>

#include "peftlab/ops.h"

namespace peftlab {

TripletPatch::TripletPatch(Start start, double scale, double dropout, uint64_t salt)
    : parts_{part("A", std::move(start.a)), part("E", std::move(start.e)), part("B", std::move(start.b))},
      kept_(register_buffer("kept", torch::ones({rank()}, torch::kBool))),
      scale_(scale),
      dropout_(dropout),
      salt_(salt) {
  if (!start.base_bias.defined()) return;
  base_layer_ = register_module("base_layer", std::make_shared<WeightAndBias>(torch::Tensor(), start.base_bias));
}

Watched TripletPatch::part(const std::string& name, torch::Tensor value) {
  const auto trained = register_parameter("lora_" + name, std::move(value));
  return {trained, register_buffer("importance_mean_" + name, torch::zeros_like(trained)),
          register_buffer("importance_spread_" + name, torch::zeros_like(trained))};
}

torch::Tensor TripletPatch::forward(const FrozenLinear& base, const torch::Tensor& x) {
  const auto z = drops() ? dropout(x, dropout_, salt_) : torch::Tensor();
  const auto y = rank() == 0 ? base(x) : low_rank_linear(base, x, update(), z);
  return base_layer_ ? y + (base_layer_->bias() - base.bias()).to(y.scalar_type()) : y;
}

std::optional<Merged> TripletPatch::merged(const FrozenLinear& base) const {
  const auto weight = low_rank_merged(base, update());
  const auto bias = base_layer_ ? base_layer_->bias() : base.bias();
  return Merged{weight, bias.defined() ? bias.to(weight.scalar_type()) : bias};
}

std::optional<LowRankFactors> TripletPatch::factors() const {
  if (base_layer_ || drops() || rank() == 0) return std::nullopt;
  return update();
}

torch::Tensor TripletPatch::scores() const {
  const auto score = [](const Watched& p) { return p.mean * p.spread; };
  return score(parts_[1]).flatten() + (score(parts_[0]).mean(/*dim=*/1) + score(parts_[2]).mean(/*dim=*/0));
}

void TripletPatch::keep(const torch::Tensor& kept) {
  kept_.copy_(kept);
  keep_again();
}

void TripletPatch::keep_again() { e().masked_fill_(~kept_.unsqueeze(1), 0.0); }

void TripletPatch::forget_importance() {
  for (const auto& p : parts_) {
    p.mean.zero_();
    p.spread.zero_();
  }
}

torch::Tensor TripletPatch::used() const { return kept_ | (e().flatten() != 0); }

}  // namespace peftlab
