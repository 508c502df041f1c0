#include "peftlab/parts/rank_budget.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>

namespace peftlab {

BudgetSchedule::BudgetSchedule(Options& options)
    : tinit_(options.integer("tinit", 0, "steps before the budget begins to fall", {.least = 0})),
      tfinal_(options.integer("tfinal", 0, "steps at the end in which the ranks stay as they are", {.least = 0})),
      delta_t_(options.integer("delta_t", 1, "steps from one allocation to the next", {.least = 1})),
      num_steps_(options.integer("total_steps", 0, "optimizer steps that the schedule is for; 0: those of the run",
                                 {.least = 0})) {
  if (num_steps_ > 0 && tinit_ >= last()) options.mistake("tinit", "expected less than total_steps - tfinal");
}

void BudgetSchedule::follow(int64_t num_steps) {
  const auto steps = std::to_string(num_steps);
  if (num_steps_ != 0 && num_steps_ != num_steps) {
    throw ConfigError("total_steps: is " + std::to_string(num_steps_) + ", but the run has " + steps +
                      " optimizer steps; leave it out to follow the run");
  }
  num_steps_ = num_steps;
  if (tinit_ < last()) return;
  throw ConfigError("tinit, tfinal: " + std::to_string(tinit_) + " and " + std::to_string(tfinal_) +
                    " leave none of the run's " + steps + " optimizer steps to allocate ranks in; expected tinit < " +
                    steps + " - tfinal");
}

int64_t BudgetSchedule::at(int64_t step, int64_t first, int64_t target) const {
  if (step <= tinit_) return first;
  if (step > last()) return target;
  const double left = 1.0 - static_cast<double>(step - tinit_) / static_cast<double>(last() - tinit_);
  const auto most = static_cast<double>(first), least = static_cast<double>(target);
  return static_cast<int64_t>((most - least) * std::pow(left, 3.0) + least);
}

void BudgetSchedule::write(Fields& config) const {
  config.set("tinit", tinit_);
  config.set("tfinal", tfinal_);
  config.set("deltaT", delta_t_);
  // PEFT asks for a schedule that can be, also of what is not trained.
  config.set("total_step", num_steps_ > 0 ? num_steps_ : tinit_ + tfinal_ + 1);
}

RankBudget::RankBudget(Options& options, torch::nn::Module& method)
    : schedule_(options),
      decay_{options.number("beta1", 0.85, "decay of the average importance",
                            {.least = 0.0, .most = 1.0, .above = true, .below = true}),
             options.number("beta2", 0.85, "decay of its average spread",
                            {.least = 0.0, .most = 1.0, .above = true, .below = true})},
      step_(method.register_buffer("step", torch::zeros({}, torch::kInt64))),
      threshold_(method.register_buffer("threshold", torch::full({}, std::nan(""), torch::kFloat64))) {}

void RankBudget::add(const std::string& module, std::shared_ptr<TripletPatch> patch, int64_t target) {
  matrices_.emplace_back(module, std::move(patch));
  num_target_ += target;
}

int64_t RankBudget::num_first() const {
  int64_t count = 0;
  for (const auto& [name, patch] : matrices_) count += patch->rank();
  return count;
}

void RankBudget::after_step(int64_t step) {
  const torch::NoGradGuard no_grad;
  const int64_t last = schedule_.last();
  // A step that was left out for a loss that is not finite does not come here: the last allocation is made up for.
  const bool ends = step >= last && step_.item<int64_t>() < last;
  if (step < last) observe();
  if (ends)
    prune(num_target_);
  else if (schedule_.allocates(step))
    prune(at(step));
  for (const auto& [name, patch] : matrices_) {
    if (ends)
      patch->forget_importance();
    else if (step >= last)
      patch->keep_again();
  }
  step_.fill_(step);
}

// Between the optimizer's step and the clearing of gradients.
void RankBudget::observe() {
  std::vector<Watched> all;
  for (const auto& [name, patch] : matrices_) all.insert(all.end(), patch->parts().begin(), patch->parts().end());
  observe_importance(all, decay_);
}

// What scores no more than the threshold goes: with equal scores more than asked.
void RankBudget::prune(int64_t num_kept) {
  const int64_t num_pruned = num_first() - num_kept;
  if (num_pruned <= 0) return;
  std::vector<torch::Tensor> scores;
  for (const auto& [name, patch] : matrices_) scores.push_back(patch->scores());
  const auto threshold = std::get<0>(at::kthvalue(torch::cat(scores), num_pruned));
  for (size_t i = 0; i < scores.size(); ++i) matrices_[i].second->keep(~(scores[i] <= threshold));
  threshold_.copy_(threshold);
}

bool RankBudget::has_pruned() const { return !std::isnan(threshold_.item<double>()); }

Report RankBudget::report() const {
  Report report;
  report.tables.push_back({"rank of each matrix", {"matrix", "rank"}, {}});
  for (const auto& [name, patch] : matrices_) {
    report.tables.back().rows.push_back({Value(name), Value(patch->used().sum().item<int64_t>())});
  }
  report.series.push_back({"budget of triplets after each step", {}});
  for (int64_t step = 1; step <= step_.item<int64_t>(); ++step)
    report.series.back().values.push_back(static_cast<double>(at(step)));
  return report;
}

Tensors RankBudget::without_unused(Tensors named) const {
  for (const auto& [name, patch] : matrices_) {
    const auto used = patch->used().nonzero().flatten();  // (rank that is left)
    const auto prefix = "base_model.model." + name + ".lora_";
    if (used.size(0) == patch->rank() || !has_pruned()) continue;
    for (const char* rows : {"A", "E"}) named.at(prefix + rows) = named.at(prefix + rows).index_select(0, used);
    named.at(prefix + "B") = named.at(prefix + "B").index_select(1, used);
  }
  return named;
}

void RankBudget::write(Fields& config) const {
  schedule_.write(config);
  config.set("beta1", decay_.mean);
  config.set("beta2", decay_.spread);
}

std::vector<PeftName> RankBudget::fields() {
  return {{"tinit", "tinit"}, {"tfinal", "tfinal"}, {"deltaT", "delta_t"}, {"total_step", "total_steps"},
          {"beta1", "beta1"}, {"beta2", "beta2"}};
}

}  // namespace peftlab
