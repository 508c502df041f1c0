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

#include <torch/all.h>

#include <algorithm>
#include <cmath>

#include "peftlab/also_trained.h"
#include "peftlab/low_rank_options.h"
#include "peftlab/method.h"
#include "peftlab/ops.h"
#include "peftlab/orthogonality.h"
#include "peftlab/peft.h"
#include "peftlab/peft_form.h"
#include "peftlab/starts.h"
#include "peftlab/triplets.h"

namespace {

using peftlab::Fields;
using peftlab::FrozenLinear;
using peftlab::Tensors;
using peftlab::Value;
using torch::Tensor;

using Flags = std::vector<bool>;

// Which of its first triplets an adapter holds, by module: PEFT's rank_pattern.
std::map<std::string, Flags> read_pattern(peftlab::Options& options, int64_t init_rank) {
  std::map<std::string, Flags> pattern;
  const auto value =
      options.any("rank_pattern", "of an adapter that is read: which of its first triplets each matrix has");
  if (value.is_null()) return pattern;
  try {
    for (const auto& [name, list] : value.fields().items()) {
      Flags flags;
      for (const auto& flag : list.list()) flags.push_back(flag.boolean());
      if (!name.ends_with(".lora_E") || static_cast<int64_t>(flags.size()) != init_rank) {
        options.mistake("rank_pattern", "expected init_rank flags under a name that ends in '.lora_E', got " +
                                            std::to_string(flags.size()) + " under '" + name + "'");
      }
      pattern[name.substr(0, name.rfind('.'))] = flags;
    }
  } catch (const peftlab::ConfigError& error) {
    options.mistake("rank_pattern", error.what());
  }
  return pattern;
}

class AdaLora final : public peftlab::Method {
 public:
  explicit AdaLora(peftlab::Options& options);

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override;
  void begin(const peftlab::TrainingPlan& plan) override;
  Tensor penalty() override;
  void after_step(int64_t step) override;
  std::optional<Fields> peft_config() const override;
  Tensors to_peft(Tensors named) const override;
  Tensors from_peft(Tensors saved) const override { return bases_.without(std::move(saved)); }
  peftlab::Report report() const override;

 private:
  void fill(peftlab::InjectionPoints& points, const FrozenLinear& base, bool reads);
  int64_t budget(int64_t step) const;
  void prune(int64_t num_kept);
  Flags pattern_of(const std::string& module, const peftlab::TripletPatch& patch) const;
  int64_t last_allocation() const { return num_steps_ - tfinal_; }
  int64_t num_first() const;
  int64_t num_target() const { return target_rank_ * static_cast<int64_t>(patches_.size()); }

  int64_t init_rank_, target_rank_;
  double alpha_, dropout_;
  int64_t tinit_, tfinal_, delta_t_, num_steps_;
  peftlab::ImportanceDecay decay_;
  double orth_reg_weight_;
  peftlab::LowRankTargets targets_;
  peftlab::AlsoTrained also_;
  std::map<std::string, Flags> read_pattern_;
  std::vector<std::string> filled_;
  bool turned_ = false;  // whether matrices are kept as (in, out): PEFT's fan_in_fan_out
  std::vector<std::pair<std::string, std::shared_ptr<peftlab::TripletPatch>>> patches_;
  peftlab::SavedBases bases_;
  Tensor step_;       // the last step, 0 before training
  Tensor threshold_;  // the last mask's, float64; not a number before
};

AdaLora::AdaLora(peftlab::Options& options)
    : init_rank_(options.integer("init_rank", 12, "triplets of each matrix at the start", {.least = 1, .most = 65536})),
      target_rank_(options.integer("target_rank", 8, "triplets of each matrix at the end, on average",
                                   {.least = 1, .most = 65536})),
      alpha_(options.number("alpha", 8.0, "the update is scaled by alpha / init_rank", {.least = 0.0, .above = true})),
      dropout_(options.number("dropout", 0.0, "probability of dropping an input of A",
                              {.least = 0.0, .most = 1.0, .below = true})),
      tinit_(options.integer("tinit", 0, "steps before the budget begins to fall", {.least = 0})),
      tfinal_(options.integer("tfinal", 0, "steps at the end in which the ranks stay as they are", {.least = 0})),
      delta_t_(options.integer("delta_t", 1, "steps from one allocation to the next", {.least = 1})),
      num_steps_(options.integer("total_steps", 0, "optimizer steps that the schedule is for; 0: those of the run",
                                 {.least = 0})),
      decay_{options.number("beta1", 0.85, "decay of the average importance",
                            {.least = 0.0, .most = 1.0, .above = true, .below = true}),
             options.number("beta2", 0.85, "decay of its average spread",
                            {.least = 0.0, .most = 1.0, .above = true, .below = true})},
      orth_reg_weight_(options.number("orth_reg_weight", 0.5, "weight of the penalty that keeps A and B orthogonal",
                                      {.least = 0.0})),
      targets_(options, /*with_parameters=*/false),
      also_(options),
      read_pattern_(read_pattern(options, init_rank_)),
      step_(register_buffer("step", torch::zeros({}, torch::kInt64))),
      threshold_(register_buffer("threshold", torch::full({}, std::nan(""), torch::kFloat64))) {
  if (target_rank_ > init_rank_) {
    options.mistake("target_rank", "is " + std::to_string(target_rank_) + ", expected at most init_rank, " +
                                       std::to_string(init_rank_));
  }
  if (num_steps_ > 0 && tinit_ >= last_allocation())
    options.mistake("tinit", "expected less than total_steps - tfinal");
}

void AdaLora::attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) {
  if (loaded == nullptr && !read_pattern_.empty())
    throw peftlab::ConfigError("rank_pattern: is for an adapter that is read; leave it out");
  if (targets_.names_table(points))
    throw peftlab::ConfigError("targets: the embedding table has no singular triplets here; expected matrices alone");
  for (const auto* base : targets_.matrices(points, also_.modules())) fill(points, *base, loaded != nullptr);
  also_.fill(points, filled_);
}

void AdaLora::fill(peftlab::InjectionPoints& points, const FrozenLinear& base, bool reads) {
  constexpr double kDeviation = 0.02;
  if (!reads) peftlab::check_rank(base, init_rank_);
  const auto& name = base.name();
  const auto pattern = read_pattern_.find(name);
  const int64_t rank =
      pattern == read_pattern_.end() ? init_rank_ : std::count(pattern->second.begin(), pattern->second.end(), true);
  const peftlab::Starts starts(points, reads);
  const double scale = alpha_ / (static_cast<double>(init_rank_) + 1e-5);
  const peftlab::TripletPatch::Start start{
      starts.normal(name + ".lora_A", {rank, base.in()}, kDeviation), starts.full({rank, 1}, 0.0),
      starts.normal(name + ".lora_B", {base.out(), rank}, kDeviation), also_.bias_for(points, base)};
  const auto patch = std::make_shared<peftlab::TripletPatch>(start, scale, dropout_, peftlab::salt_of(name));
  points.fill_weight(base, patch);
  patches_.emplace_back(name, patch);
  filled_.push_back(name);
  turned_ = turned_ || base.fan_in_fan_out();
  if (base.layer() < 0) bases_.add(name, base.weight());
}

void AdaLora::begin(const peftlab::TrainingPlan& plan) {
  const auto steps = std::to_string(plan.num_steps);
  if (num_steps_ != 0 && num_steps_ != plan.num_steps) {
    throw peftlab::ConfigError("total_steps: is " + std::to_string(num_steps_) + ", but the run has " + steps +
                               " optimizer steps; leave it out to follow the run");
  }
  num_steps_ = plan.num_steps;
  if (tinit_ < last_allocation()) return;
  throw peftlab::ConfigError("tinit, tfinal: " + std::to_string(tinit_) + " and " + std::to_string(tfinal_) +
                             " leave none of the run's " + steps +
                             " optimizer steps to allocate ranks in; expected tinit < " + steps + " - tfinal");
}

Tensor AdaLora::penalty() {
  if (orth_reg_weight_ == 0.0) return {};
  std::vector<Tensor> matrices;
  for (const auto& [name, patch] : patches_) {
    matrices.push_back(patch->a());
    matrices.push_back(patch->b().t());
  }
  return orth_reg_weight_ * peftlab::orthogonality(matrices);
}

int64_t AdaLora::num_first() const {
  int64_t count = 0;
  for (const auto& [name, patch] : patches_) count += patch->rank();
  return count;
}

// The cubic schedule of equation 12.
int64_t AdaLora::budget(int64_t step) const {
  if (step <= tinit_) return num_first();
  if (step > last_allocation()) return num_target();
  const double left = 1.0 - static_cast<double>(step - tinit_) / static_cast<double>(last_allocation() - tinit_);
  const auto first = static_cast<double>(num_first()), target = static_cast<double>(num_target());
  return static_cast<int64_t>((first - target) * std::pow(left, 3.0) + target);
}

void AdaLora::after_step(int64_t step) {
  const torch::NoGradGuard no_grad;
  const int64_t last = last_allocation();
  // A step that was left out for a loss that is not finite does not come here: the last allocation is made up for.
  const bool ends = step >= last && step_.item<int64_t>() < last;
  for (const auto& [name, patch] : patches_) {
    if (step < last)
      patch->observe(decay_);
    else if (!ends)
      patch->keep_again();
  }
  if (ends)
    prune(num_target());
  else if (step > tinit_ && step < last && step % delta_t_ == 0)
    prune(budget(step));
  for (const auto& [name, patch] : patches_) {
    if (ends) patch->forget_importance();
  }
  step_.fill_(step);
}

// What scores no more than the threshold goes: with equal scores more than asked.
void AdaLora::prune(int64_t num_kept) {
  const int64_t num_pruned = num_first() - num_kept;
  if (num_pruned <= 0) return;
  std::vector<Tensor> scores;
  for (const auto& [name, patch] : patches_) scores.push_back(patch->scores());
  const auto threshold = std::get<0>(at::kthvalue(torch::cat(scores), num_pruned));
  for (size_t i = 0; i < scores.size(); ++i) patches_[i].second->keep(~(scores[i] <= threshold));
  threshold_.copy_(threshold);
}

Flags AdaLora::pattern_of(const std::string& module, const peftlab::TripletPatch& patch) const {
  const auto read = read_pattern_.find(module);
  Flags flags = read == read_pattern_.end() ? Flags(static_cast<size_t>(init_rank_), true) : read->second;
  const auto used = patch.used().to(torch::kCPU);
  int64_t at = 0;
  for (size_t i = 0; i < flags.size(); ++i) {
    if (flags[i]) flags[i] = used[at++].item<bool>();
  }
  return flags;
}

std::optional<Fields> AdaLora::peft_config() const {
  auto config = peftlab::peft_fields("ADALORA");
  config.set("init_r", init_rank_);
  config.set("target_r", target_rank_);
  config.set("lora_alpha", peftlab::number_value(alpha_));
  config.set("lora_dropout", dropout_);
  config.set("tinit", tinit_);
  config.set("tfinal", tfinal_);
  config.set("deltaT", delta_t_);
  config.set("beta1", decay_.mean);
  config.set("beta2", decay_.spread);
  config.set("orth_reg_weight", orth_reg_weight_);
  // PEFT asks for a schedule that can be, also of what is not trained.
  config.set("total_step", num_steps_ > 0 ? num_steps_ : tinit_ + tfinal_ + 1);
  config.set("init_lora_weights", true);
  config.set("fan_in_fan_out", turned_);
  also_.write(config);
  targets_.write(config, filled_);
  const bool pruned = !read_pattern_.empty() || !std::isnan(threshold_.item<double>());
  Fields pattern;
  for (const auto& [name, patch] : patches_) {
    const auto flags = pattern_of(name, *patch);
    pattern.set(name + ".lora_E", peftlab::List(flags.begin(), flags.end()));
  }
  config.set("rank_pattern", pruned ? Value(pattern) : Value(nullptr));
  return config;
}

Tensors AdaLora::to_peft(Tensors named) const {
  for (const auto& [name, patch] : patches_) {
    const auto used = patch->used().nonzero().flatten();  // (rank that is left)
    const auto prefix = "base_model.model." + name + ".lora_";
    if (used.size(0) == patch->rank() || std::isnan(threshold_.item<double>())) continue;
    for (const char* rows : {"A", "E"}) named.at(prefix + rows) = named.at(prefix + rows).index_select(0, used);
    named.at(prefix + "B") = named.at(prefix + "B").index_select(1, used);
  }
  return bases_.with(std::move(named));
}

peftlab::Report AdaLora::report() const {
  peftlab::Report report;
  report.tables.push_back({"rank of each matrix", {"matrix", "rank"}, {}});
  for (const auto& [name, patch] : patches_) {
    report.tables.back().rows.push_back({Value(name), Value(patch->used().sum().item<int64_t>())});
  }
  report.series.push_back({"budget of triplets after each step", {}});
  for (int64_t step = 1; step <= step_.item<int64_t>(); ++step)
    report.series.back().values.push_back(static_cast<double>(budget(step)));
  return report;
}

std::optional<Fields> from_peft_config(const Fields& config) {
  auto known = peftlab::AlsoTrained::fields();
  for (const peftlab::PeftName& name : std::initializer_list<peftlab::PeftName>{{"init_r", "init_rank"},
                                                                                {"target_r", "target_rank"},
                                                                                {"lora_alpha", "alpha"},
                                                                                {"lora_dropout", "dropout"},
                                                                                {"tinit", "tinit"},
                                                                                {"tfinal", "tfinal"},
                                                                                {"deltaT", "delta_t"},
                                                                                {"beta1", "beta1"},
                                                                                {"beta2", "beta2"},
                                                                                {"orth_reg_weight", "orth_reg_weight"},
                                                                                {"total_step", "total_steps"},
                                                                                {"rank_pattern", "rank_pattern"}}) {
    known.push_back(name);
  }
  auto options = peftlab::options_of_peft_type(
      "ADALORA", config, known, {"r", "init_lora_weights", "fan_in_fan_out", "megatron_core", "qalora_group_size"});
  if (options && options->find("targets") == nullptr) options->set("targets", peftlab::List());
  return options;
}

}  // namespace

PEFTLAB_METHOD(AdaLora, "adalora", "singular triplets, pruned to a budget by importance",
               "https://arxiv.org/abs/2303.10512", true, from_peft_config)
