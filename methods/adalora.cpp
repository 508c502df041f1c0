// AdaLoRA: adaptive budget allocation for parameter-efficient fine-tuning (Zhang et al., 2023).
// https://arxiv.org/abs/2303.10512
//
//   y = W x + s B (E . (A x)),   A: (rank, in),  E: (rank, 1),  B: (out, rank)                 (equation 3)
//   loss += w * mean over all A and B of ||A A' - I||_F, ||B' B - I||_F                        (4)
//   score_k = s(E_k) + mean s(A_k) + mean s(B_k),  s: importance averaged over steps            (7 to 11)
//   E_k <- 0 for all but the `budget` best triplets of all matrices; budget falls as a cube     (6, 12)
//
// E starts at zero, so the patched model equals the base model before the first step.
//
// As in PEFT, and other than in the paper: the norms are not squared, s = alpha / (init_rank + 1e-5), and importance
// multiplies the updated value with the gradient that was clipped before the update.

#include "peftlab/parts/low_rank_updates.h"
#include "peftlab/ops.h"
#include "peftlab/orthogonality.h"
#include "peftlab/parts/peft_form.h"
#include "peftlab/parts/rank_budget.h"
#include "peftlab/parts/starts.h"
#include "peftlab/parts/triplets.h"

namespace {

using peftlab::ConfigError;
using peftlab::Fields;
using peftlab::FrozenLinear;
using peftlab::Tensors;
using torch::Tensor;

class AdaLora final : public peftlab::Method {
 public:
  explicit AdaLora(peftlab::Options& options)
      : init_rank_(options.integer("init_rank", 12, "triplets of each matrix at the start", kRanks)),
        target_rank_(options.integer("target_rank", 8, "triplets of each matrix at the end, on average", kRanks)),
        alpha_(
            options.number("alpha", 8.0, "the update is scaled by alpha / init_rank", {.least = 0.0, .above = true})),
        dropout_(options.number("dropout", 0.0, "probability of dropping an input of A",
                                {.least = 0.0, .most = 1.0, .below = true})),
        budget_(options, *this),
        orth_reg_weight_(options.number("orth_reg_weight", 0.5, "weight of the penalty that keeps A and B orthogonal",
                                        {.least = 0.0})),
        points_(options, /*with_parameters=*/false, /*with_table=*/false),
        flags_(options, init_rank_) {
    if (target_rank_ <= init_rank_) return;
    options.mistake("target_rank", "is " + std::to_string(target_rank_) + ", expected at most init_rank, " +
                                       std::to_string(init_rank_));
  }

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    if (loaded == nullptr && flags_.given())
      throw ConfigError("rank_pattern: is for an adapter that is read; leave it out");
    const auto table = [](const std::string&) -> std::shared_ptr<peftlab::TablePatch> {
      throw ConfigError("targets: the embedding table has no singular triplets here; expected matrices alone");
    };
    const auto patch = [&](const FrozenLinear& base, const Tensor& bias) {
      if (loaded == nullptr) peftlab::check_rank(base, init_rank_, "init_rank");
      return made(base, bias, peftlab::Starts(points, loaded != nullptr));
    };
    points_.fill(points, /*loads=*/loaded != nullptr, patch, table);
  }

  void begin(const peftlab::TrainingPlan& plan) override { budget_.begin(plan); }
  void after_step(int64_t step) override { budget_.after_step(step); }
  peftlab::Report report() const override { return budget_.report(); }

  Tensor penalty() override {
    if (orth_reg_weight_ == 0.0) return {};
    std::vector<Tensor> rows, columns;
    for (const auto& [name, patch] : budget_.matrices()) {
      rows.push_back(patch->a());
      columns.push_back(patch->b());
    }
    return orth_reg_weight_ * peftlab::orthogonality(rows, columns);
  }

  std::optional<Fields> peft_config() const override {
    auto config = peftlab::peft_fields("ADALORA");
    config.set("init_r", init_rank_);
    config.set("target_r", target_rank_);
    config.set("lora_alpha", peftlab::number_value(alpha_));
    config.set("lora_dropout", dropout_);
    config.set("orth_reg_weight", orth_reg_weight_);
    config.set("init_lora_weights", true);
    budget_.write(config);
    points_.write(config);
    config.set("rank_pattern", flags_.value(budget_));
    return config;
  }

  Tensors to_peft(Tensors named) const override { return points_.with(budget_.without_unused(std::move(named))); }
  Tensors from_peft(Tensors saved) const override { return points_.without(std::move(saved)); }

 private:
  static constexpr peftlab::Within kRanks = {.least = 1, .most = 65536};

  std::shared_ptr<peftlab::TripletPatch> made(const FrozenLinear& base, const Tensor& bias,
                                              const peftlab::Starts& starts) {
    constexpr double kDeviation = 0.02;
    const auto& name = base.name();
    const int64_t rank = flags_.rank(name);
    const double scale = alpha_ / (static_cast<double>(init_rank_) + 1e-5);
    const peftlab::TripletPatch::Start start{starts.normal(name + ".lora_A", {rank, base.in()}, kDeviation),
                                             starts.full({rank, 1}, 0.0),
                                             starts.normal(name + ".lora_B", {base.out(), rank}, kDeviation), bias};
    const auto patch = std::make_shared<peftlab::TripletPatch>(start, scale, dropout_, peftlab::salt_of(name));
    budget_.add(name, patch, target_rank_);
    return patch;
  }

  int64_t init_rank_, target_rank_;
  double alpha_, dropout_;
  peftlab::RankBudget budget_;
  double orth_reg_weight_;
  peftlab::LowRankPoints points_;
  peftlab::TripletFlags flags_;
};

std::optional<Fields> from_peft_config(const Fields& config) {
  std::vector<peftlab::PeftName> known = {{"init_r", "init_rank"},
                                          {"target_r", "target_rank"},
                                          {"lora_alpha", "alpha"},
                                          {"lora_dropout", "dropout"},
                                          {"orth_reg_weight", "orth_reg_weight"},
                                          {"rank_pattern", "rank_pattern"}};
  for (const auto& fields : {peftlab::RankBudget::fields(), peftlab::LowRankPoints::fields(/*with_parameters=*/false)})
    known.insert(known.end(), fields.begin(), fields.end());
  auto options = peftlab::options_of_peft_type(
      "ADALORA", config, known, {"r", "init_lora_weights", "fan_in_fan_out", "megatron_core", "qalora_group_size"});
  if (options && options->find("targets") == nullptr) options->set("targets", peftlab::List());
  return options;
}

}  // namespace

PEFTLAB_METHOD(AdaLora, "adalora", "singular triplets, pruned to a budget by importance",
               "https://arxiv.org/abs/2303.10512", true, from_peft_config)
