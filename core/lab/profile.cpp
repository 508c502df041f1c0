#include "core/lab/profile.h"

#include <atomic>
#include <memory>

#include "core/lab/few_steps.h"
#include "core/lab/machine.h"
#include "core/lab/prepared.h"

namespace peftlab::lab {
namespace {

/// Begins the log behind the last step of warm-up and says so when enough was seen.
class ProfiledSteps final : public train::Observer {
 public:
  ProfiledSteps(const ProfileRequest& request, Profile& profile, Display& display)
      : request_(request), profile_(profile), display_(display) {}

  void on_start(int64_t) override {
    if (request_.num_warm_up == 0) log_ = std::make_unique<train::OperationLog>();
  }

  void on_step(const train::StepReport& report) override {
    display_.step(report);
    if (report.step > request_.num_warm_up) count(report);
    if (report.step == request_.num_warm_up) log_ = std::make_unique<train::OperationLog>();
    if (profile_.num_steps < request_.num_steps) return;
    profile_.costs = log_->costs();
    log_.reset();
    enough_ = true;
  }

  const std::atomic<bool>& enough() const { return enough_; }

 private:
  void count(const train::StepReport& report) {
    ++profile_.num_steps;
    profile_.seconds += report.seconds;
    profile_.num_useful_tokens += report.num_useful;
    profile_.num_computed_tokens += report.num_computed;
  }

  const ProfileRequest& request_;
  Profile& profile_;
  Display& display_;
  std::unique_ptr<train::OperationLog> log_;
  std::atomic<bool> enough_ = false;
};

io::Json cost_json(const train::OperationCost& cost) {
  return {{"num_calls", cost.num_calls}, {"seconds", cost.seconds}, {"bytes_allocated", cost.bytes_allocated}};
}

}  // namespace

Profile profile_experiment(const ProfileRequest& request, Display& display) {
  Prepared in(request.experiment, display);
  auto job = in.job();
  require_steps(job, request.num_warm_up, request.num_steps);
  display.phase("loads the model", 0);
  in.load_model();
  Profile profile;
  profile.name = in.experiment.name;
  profile.seed = in.experiment.seed;
  profile.machine = describe_machine();
  profile.base_type = type_name(in.type);
  ProfiledSteps observer(request, profile, display);
  job = in.job();
  job.stop = &observer.enough();
  display.phase("trains", request.num_warm_up + request.num_steps);
  train::train(job, observer);
  return profile;
}

io::Json to_json(const Profile& p) {
  io::Json phases = io::Json::array(), operations = io::Json::array();
  for (const auto& [name, cost] : p.costs.phases) {
    auto json = cost_json(cost);
    json["phase"] = name.empty() ? "between" : name;
    json["peak_bytes"] = cost.peak_bytes;
    phases.push_back(json);
  }
  for (const auto& [key, cost] : p.costs.operations) {
    auto json = cost_json(cost);
    json["phase"] = key.first.empty() ? "between" : key.first;
    json["operation"] = key.second;
    operations.push_back(json);
  }
  return {{"name", p.name}, {"seed", p.seed}, {"num_steps", p.num_steps}, {"seconds", p.seconds},
          {"num_useful_tokens", p.num_useful_tokens}, {"num_computed_tokens", p.num_computed_tokens},
          {"base_type", p.base_type}, {"machine", p.machine}, {"phases", phases}, {"operations", operations}};
}

}  // namespace peftlab::lab
