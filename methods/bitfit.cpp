// BitFit: the biases alone are trained (Ben Zaken et al., 2022, https://arxiv.org/abs/2106.10199).
//
//   b <- b + db for every bias b, on float32 copies; with add_biases, y = W x + d where a layer has none
//
// The copies start as the base's biases and d at 0, so the model equals the base model before the first step.

#include <algorithm>

#include "peftlab/method.h"

namespace {

using peftlab::Targets;

class Shift final : public peftlab::WeightPatch {
 public:
  Shift(int64_t out, torch::ScalarType type) : shift_(register_parameter("shift", torch::zeros({out}, type))) {}

  torch::Tensor forward(const peftlab::FrozenLinear& base, const torch::Tensor& x) override {
    const auto y = base(x);
    return y + shift_.to(y.scalar_type());
  }
  std::optional<peftlab::Merged> merged(const peftlab::FrozenLinear& base) const override {
    return peftlab::Merged{base.weight().to(shift_.scalar_type()), shift_.detach()};
  }

 private:
  torch::Tensor shift_;  // (out)
};

Targets every_module() {
  Targets targets;
  targets.regex = ".*";
  return targets;
}

class BitFit final : public peftlab::Method {
 public:
  explicit BitFit(peftlab::Options& options)
      : add_(options.flag("add_biases", false, "give every linear layer in the blocks a bias where it has none")),
        targets_(options.targets("targets", every_module(), "whose biases are trained")) {}

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter*) override {
    size_t num_filled = 0;
    for (const auto* bias : biases(points)) {
      points.fill_parameter(*bias, std::make_shared<peftlab::ParameterPatch>(*bias));
      ++num_filled;
    }
    for (const auto* base : add_ ? bare(points) : std::vector<const peftlab::FrozenLinear*>()) {
      points.fill_weight(*base, std::make_shared<Shift>(base->out(), points.trainable_type()));
      ++num_filled;
    }
    if (num_filled > 0) return;
    throw peftlab::ConfigError("targets: no module there has a bias to train (architecture '" +
                               points.shape().architecture + "'); name modules that have one, or set add_biases");
  }

 private:
  std::vector<const peftlab::FrozenParameter*> biases(const peftlab::InjectionPoints& points) const {
    Targets targets = targets_;
    if (targets.all_linear) {  // a word for matrices: their biases are meant
      targets.all_linear = false;
      for (const auto* base : points.weights(targets_)) targets.names.push_back(base->name());
    }
    auto found = points.parameters(targets);
    std::erase_if(found, [](const auto* parameter) { return !parameter->name().ends_with(".bias"); });
    return found;
  }

  // The linear layers meant that have no bias. Targets may name norms too, which are no linear layers.
  std::vector<const peftlab::FrozenLinear*> bare(const peftlab::InjectionPoints& points) const {
    const auto meant = points.parameters(targets_.all_linear ? every_module() : targets_);
    Targets linear;
    linear.all_linear = true;
    if (targets_.all_linear) linear = targets_;
    auto found = points.weights(linear);
    std::erase_if(found, [&](const auto* base) {
      const auto is_its_weight = [&](const auto* parameter) { return parameter->name() == base->name() + ".weight"; };
      return base->bias().defined() || std::none_of(meant.begin(), meant.end(), is_its_weight);
    });
    return found;
  }

  bool add_;
  Targets targets_;
};

}  // namespace

PEFTLAB_METHOD(BitFit, "bitfit", "the biases alone", "https://arxiv.org/abs/2106.10199", true, nullptr)
