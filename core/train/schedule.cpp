#include "core/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace peftlab::train {
namespace {

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

int64_t Plan::interval(const Every& every) const {
  if (every.steps) return *every.steps;
  if (every.epochs) return std::max<int64_t>(1, std::llround(*every.epochs * static_cast<double>(steps_per_epoch)));
  return 0;
}

Plan make_plan(const Settings& settings, int64_t num_examples) {
  Plan plan;
  plan.num_examples = num_examples;
  plan.examples_per_step = settings.batch_size * settings.gradient_accumulation;
  plan.steps_per_epoch = divide_up(num_examples, plan.examples_per_step);
  plan.num_steps = settings.max_steps ? *settings.max_steps
                                      : static_cast<int64_t>(std::ceil(*settings.epochs * static_cast<double>(plan.steps_per_epoch) - 1e-9));
  plan.warmup_steps = settings.warmup_steps ? *settings.warmup_steps
                                            : static_cast<int64_t>(std::ceil(settings.warmup_ratio * static_cast<double>(plan.num_steps)));
  return plan;
}

double learning_rate_at(int64_t step, const Plan& plan, const Settings& settings) {
  const double done = static_cast<double>(step - 1);
  const double warmup = static_cast<double>(plan.warmup_steps);
  if (done < warmup) return settings.learning_rate * done / warmup;
  if (settings.schedule == Schedule::constant) return settings.learning_rate;
  const double rest = std::max(1.0, static_cast<double>(plan.num_steps) - warmup);
  const double factor = settings.schedule == Schedule::linear
                            ? (static_cast<double>(plan.num_steps) - done) / rest
                            : 0.5 * (1.0 + std::cos(std::numbers::pi * ((done - warmup) / rest)));
  return settings.learning_rate * std::max(0.0, factor);
}

}  // namespace peftlab::train
