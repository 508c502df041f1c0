// A method that does what a good method must not do, when its option asks for it.
#include <stdexcept>

#include "peftlab/method.h"

namespace {

class Shift final : public peftlab::WeightPatch {
 public:
  Shift(int64_t out, torch::ScalarType type) : shift_(register_parameter("shift", torch::zeros({out}, type))) {}
  torch::Tensor forward(const peftlab::FrozenLinear& base, const torch::Tensor& x) override { return base(x) + shift_; }

 private:
  torch::Tensor shift_;  // (out)
};

class Faulty final : public peftlab::Method {
 public:
  explicit Faulty(peftlab::Options& options)
      : fault_(options.choice("fault", "none",
                              {"none", "create", "create_int", "create_config", "attach", "attach_int", "twice",
                               "nothing", "type", "frozen", "begin", "begin_again"},
                              "what goes wrong")),
        level_(options.integer("level", 3, "any number", {.least = 1, .most = 9})) {
    if (fault_ == "create") throw std::runtime_error("out of ideas");
    if (fault_ == "create_int") throw 7;
    if (fault_ == "create_config") throw peftlab::ConfigError("level and fault do not go together");
  }

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter*) override {
    if (fault_ == "attach") throw std::runtime_error("no such model");
    if (fault_ == "attach_int") throw 7;
    if (fault_ == "nothing") return;
    const auto type = fault_ == "type" ? torch::kFloat16 : points.trainable_type();
    peftlab::Targets targets;
    targets.names = {"q_proj"};
    for (const auto* base : points.weights(targets)) {
      auto patch = std::make_shared<Shift>(base->out(), type);
      if (fault_ == "frozen") patch->parameters()[0].set_requires_grad(false);
      points.fill_weight(*base, patch);
      if (fault_ == "twice") points.fill_weight(*base, patch);
    }
  }

  void begin(const peftlab::TrainingPlan& plan) override {
    if (fault_ == "begin") throw std::runtime_error("no such plan");
    if (fault_ == "begin_again" && num_steps_ != 0) throw peftlab::ConfigError("level: a second plan");
    num_steps_ = plan.num_steps;
  }

 private:
  int64_t num_steps_ = 0;
  std::string fault_;
  int64_t level_;
};

}  // namespace

PEFTLAB_METHOD(Faulty, PEFTLAB_NAME, "goes wrong on request", "none", true, nullptr)
