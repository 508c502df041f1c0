// LoRA: low-rank adaptation of large language models (Hu et al., 2021, https://arxiv.org/abs/2106.09685).
//
//   y = W x + s (B A - B0 A0) x,   A: (rank, in),  B: (out, rank),  s = alpha / rank                 (section 4.1)
//
// B0 A0 is what B A starts from: zero, or a part of W for the starts "pissa" and "olora", whose papers take it from W
// instead. Either way the patched model equals the base model before the first step.

#include "peftlab/also_trained.h"
#include "peftlab/low_rank.h"
#include "peftlab/low_rank_options.h"
#include "peftlab/low_rank_start.h"
#include "peftlab/method.h"
#include "peftlab/ops.h"
#include "peftlab/peft.h"

namespace {

using peftlab::Fields;
using peftlab::Tensors;
using peftlab::Value;

class Lora final : public peftlab::Method {
 public:
  explicit Lora(peftlab::Options& options)
      : size_(options),
        dropout_(options.number("dropout", 0.0, "probability of dropping an input of A",
                                {.least = 0.0, .most = 1.0, .below = true})),
        lora_bias_(options.flag("lora_bias", false, "B has a bias")),
        start_(options),
        targets_(options, /*with_parameters=*/true),
        also_(options) {
    if (!targets_.names_parameters()) return;
    if (dropout_ > 0.0) options.mistake("dropout", "does not go with target_parameters, expected 0");
    if (lora_bias_) options.mistake("lora_bias", "does not go with target_parameters, expected false");
  }

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    const bool reads = loaded != nullptr;
    for (const auto* base : targets_.matrices(points, also_.modules())) fill(points, *base, reads);
    if (targets_.names_table(points)) fill_table(points, reads);
    also_.fill(points, filled_);
    // PEFT writes A and B of a decomposition relative to W - s B0 A0, and so does what was read from it. Others need
    // the same decomposition to read that, of weights that are the same to the bit: what was trained here is written
    // relative to W.
    relative_to_base_ = start_.decomposes() && !reads;
  }

  std::optional<Fields> peft_config() const override {
    auto config = peftlab::peft_fields("LORA");
    size_.write(config, /*doubled=*/relative_to_base_);
    config.set("lora_dropout", dropout_);
    config.set("lora_bias", lora_bias_);
    config.set("init_lora_weights", relative_to_base_ || lora_bias_ ? Value(true) : start_.peft_value());
    config.set("fan_in_fan_out", turned_);
    config.set("use_dora", false);
    also_.write(config);
    targets_.write(config, filled_);
    return config;
  }

  Tensors to_peft(Tensors named) const override {
    for (const auto& [module, patch] : patches_) {
      if (!relative_to_base_) break;
      const auto update = patch->update();  // (2 rank, in), (out, 2 rank)
      named.at("base_model.model." + module + ".lora_A.weight") = update.down;
      named.at("base_model.model." + module + ".lora_B.weight") = update.up;
    }
    return bases_.with(std::move(named));
  }

  Tensors from_peft(Tensors saved) const override { return bases_.without(std::move(saved)); }

 private:
  void fill(peftlab::InjectionPoints& points, const peftlab::FrozenLinear& base, bool reads) {
    const auto [rank, scale] = size_.of(base.name());
    if (!reads) peftlab::check_rank(base, rank);
    auto tensors = start_.tensors(points, base, rank, scale, lora_bias_, reads);
    tensors.base_bias = also_.bias_for(points, base);
    const auto patch = std::make_shared<peftlab::LowRankPatch>(tensors, scale, dropout_, peftlab::salt_of(base.name()));
    points.fill_weight(base, patch);
    patches_.emplace(base.name(), patch);
    filled_.push_back(base.name());
    turned_ = turned_ || base.fan_in_fan_out();
    if (base.layer() < 0) bases_.add(base.name(), base.weight());
  }

  void fill_table(peftlab::InjectionPoints& points, bool reads) {
    const auto module = peftlab::table_module(points);
    const auto [rank, scale] = size_.of(module);
    const auto [a, b] = start_.table(points, module, rank, reads);  // (rank, V), (C, rank)
    points.fill_table(std::make_shared<peftlab::LowRankTable>(a, b, scale));
    filled_.push_back(module);
    bases_.add(module, peftlab::kept_table(points));
  }

  peftlab::LowRankSize size_;
  double dropout_;
  bool lora_bias_;
  peftlab::LowRankStart start_;
  peftlab::LowRankTargets targets_;
  peftlab::AlsoTrained also_;
  bool relative_to_base_ = false;
  std::vector<std::string> filled_;  // module names
  bool turned_ = false;  // whether matrices are kept as (in, out): PEFT's fan_in_fan_out
  std::map<std::string, std::shared_ptr<peftlab::LowRankPatch>> patches_;
  peftlab::SavedBases bases_;
};

std::optional<Fields> from_peft_config(const Fields& config) {
  return peftlab::options_from_lora_config(config, /*dora=*/false, {{"lora_bias", "lora_bias"}});
}

}  // namespace

PEFTLAB_METHOD(Lora, "lora", "low-rank update of weight matrices", "https://arxiv.org/abs/2106.09685", true,
               from_peft_config)
