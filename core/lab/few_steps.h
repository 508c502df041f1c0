// A few training steps of an experiment, for whoever looks at their costs.
#pragma once

#include <atomic>
#include <vector>

#include "core/lab/display.h"
#include "core/train/trainer.h"

namespace peftlab::lab {

/// Keeps the reports of the first `num_steps` steps and then asks the loop to stop.
class FewSteps final : public train::Observer {
 public:
  explicit FewSteps(int64_t num_steps, Display* display = nullptr) : num_steps_(num_steps), display_(display) {}

  void on_step(const train::StepReport& report) override {
    reports_.push_back(report);
    if (display_ != nullptr) display_->step(report);
    enough_ = static_cast<int64_t>(reports_.size()) >= num_steps_;
  }

  const std::vector<train::StepReport>& reports() const { return reports_; }
  /// For train::Job::stop.
  const std::atomic<bool>& enough() const { return enough_; }

 private:
  int64_t num_steps_;
  Display* display_;
  std::vector<train::StepReport> reports_;
  std::atomic<bool> enough_ = false;
};

/// Throws ConfigError where the job has fewer steps than warm-up and measurement ask for: its schedule stays the experiment's,
/// since what a method does in a step may depend on it.
void require_steps(const train::Job& job, int64_t num_warm_up, int64_t num_steps);

}  // namespace peftlab::lab
