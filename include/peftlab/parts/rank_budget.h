// A budget of triplets that many matrices share: importance is watched over the steps, and what matters least goes.
#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "peftlab/method.h"
#include "peftlab/peft.h"
#include "peftlab/parts/triplets.h"

namespace peftlab {

/// How many triplets may stay after each step (Zhang et al., 2023, https://arxiv.org/abs/2303.10512, equation 12): all
/// up to step tinit, then fewer as a cube, and the target from step total_steps - tfinal on.
class BudgetSchedule {
 public:
  /// Reads tinit, tfinal, delta_t and total_steps.
  explicit BudgetSchedule(Options& options);
  /// For Method::begin: takes the run's number of steps. Throws ConfigError where total_steps says another one or no
  /// step is left to allocate in.
  void follow(int64_t num_steps);

  int64_t at(int64_t step, int64_t first, int64_t target) const;
  /// Whether triplets go at this step, before the last time.
  bool allocates(int64_t step) const { return step > tinit_ && step < last() && step % delta_t_ == 0; }
  /// The step of the last allocation.
  int64_t last() const { return num_steps_ - tfinal_; }

  /// Sets the fields of adapter_config.json.
  void write(Fields& config) const;

 private:
  int64_t tinit_, tfinal_, delta_t_, num_steps_;
};

class RankBudget {
 public:
  /// Reads what BudgetSchedule reads, beta1 and beta2. Registers the buffers `step` and `threshold` with `method`,
  /// which outlives this.
  RankBudget(Options& options, torch::nn::Module& method);

  /// A matrix under the budget, which is `target` triplets larger at the end for it.
  void add(const std::string& module, std::shared_ptr<TripletPatch> patch, int64_t target);
  using Matrices = std::vector<std::pair<std::string, std::shared_ptr<TripletPatch>>>;
  const Matrices& matrices() const { return matrices_; }

  /// For the functions of the same name of Method.
  void begin(const TrainingPlan& plan) { schedule_.follow(plan.num_steps); }
  void after_step(int64_t step);
  /// The rank of each matrix and the budget after each step.
  Report report() const;
  /// For Method::to_peft: without the triplets that are gone, once an allocation has been made.
  Tensors without_unused(Tensors named) const;

  /// Whether an allocation has been made.
  bool has_pruned() const;
  /// Sets the fields of adapter_config.json, and the options they become.
  void write(Fields& config) const;
  static std::vector<PeftName> fields();

 private:
  int64_t num_first() const;
  int64_t at(int64_t step) const { return schedule_.at(step, num_first(), num_target_); }
  void observe();
  void prune(int64_t num_kept);

  BudgetSchedule schedule_;
  ImportanceDecay decay_;
  Matrices matrices_;
  int64_t num_target_ = 0;
  torch::Tensor step_;       // the last step, 0 before training
  torch::Tensor threshold_;  // the last mask's, float64; not a number before
};

/// Which of its first triplets each matrix of an adapter has: PEFT's rank_pattern.
class TripletFlags {
 public:
  /// Reads rank_pattern: lists of `num_first` flags under names that end in ".lora_E".
  TripletFlags(Options& options, int64_t num_first);

  bool given() const { return !read_.empty(); }
  /// Triplets of a module: those that are flagged, or all.
  int64_t rank(const std::string& module) const;
  /// The field rank_pattern for matrices as they are now: of the flagged triplets those that are in use.
  Value value(const RankBudget& budget) const;

 private:
  using Flags = std::vector<bool>;
  Flags of(const std::string& module) const;

  int64_t num_first_;
  std::vector<std::pair<std::string, Flags>> read_;
};

}  // namespace peftlab
