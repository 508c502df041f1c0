// LoRA: low-rank adaptation of large language models (Hu et al., 2021, https://arxiv.org/abs/2106.09685).
//
//   y = W x + s (B A - B0 A0) x,   A: (rank, in),  B: (out, rank),  s = alpha / rank                 (section 4.1)
//
// B0 A0 is what B A starts from: zero, or a part of W for the starts "pissa" and "olora", whose papers take it from W
// instead. Either way the patched model equals the base model before the first step.

#include "peftlab/parts/low_rank_updates.h"

namespace {

using peftlab::Fields;
using peftlab::LowRankUpdates;
using peftlab::Tensors;

class Lora final : public peftlab::Method {
 public:
  explicit Lora(peftlab::Options& options) : updates_(options, LowRankUpdates::More::kBiasAndParameters) {}

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    const auto patch = [this](const auto& base, const auto& tensors, double scale) {
      return patches_[base.name()] = updates_.plain(base, tensors, scale);
    };
    updates_.fill(points, /*loads=*/loaded != nullptr, patch, LowRankUpdates::plain_table);
    // PEFT writes A and B of a decomposition relative to W - s B0 A0, and so does what was read from it. Others need
    // the same decomposition to read that, of weights that are the same to the bit: what was trained here is written
    // relative to W, as factors of twice the rank.
    relative_to_base_ = updates_.decomposes() && loaded == nullptr;
  }

  std::optional<Fields> peft_config() const override { return updates_.config(/*doubled=*/relative_to_base_); }

  Tensors to_peft(Tensors named) const override {
    for (const auto& [module, patch] : patches_) {
      if (!relative_to_base_) break;
      const auto pair = patch->pair();  // (2 rank, in), (out, 2 rank)
      named.at("base_model.model." + module + ".lora_A.weight") = pair.down;
      named.at("base_model.model." + module + ".lora_B.weight") = pair.up;
    }
    return updates_.with(std::move(named));
  }

  Tensors from_peft(Tensors saved) const override { return updates_.without(std::move(saved)); }

 private:
  LowRankUpdates updates_;
  bool relative_to_base_ = false;
  std::map<std::string, std::shared_ptr<peftlab::LowRankPatch>> patches_;  // by module
};

std::optional<Fields> from_peft_config(const Fields& config) {
  return peftlab::options_from_lora_config(config, /*dora=*/false, {{"lora_bias", "lora_bias"}});
}

}  // namespace

PEFTLAB_METHOD(Lora, "lora", "low-rank update of weight matrices", "https://arxiv.org/abs/2106.09685", true,
               from_peft_config)
