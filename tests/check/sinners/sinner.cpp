// A good method that commits one sin when its option asks for it: y = (W x + bias) * (1 + s r), s: (out), started at
// zero.
#include <ATen/CPUGeneratorImpl.h>

#include <string>

#include "peftlab/method.h"

#ifndef PEFTLAB_STARTS_AS_BASE
#define PEFTLAB_STARTS_AS_BASE true
#endif

namespace {

using peftlab::FrozenLinear;

class Scale final : public peftlab::WeightPatch {
 public:
  Scale(std::string sin, int64_t out, torch::ScalarType type) : sin_(std::move(sin)) {
    scale = register_parameter("scale", torch::full({out}, sin_ == "not_identity" ? 0.1 : 0.0, type));
    // A second name for the same memory: counted twice, trained twice.
    if (sin_ == "count") register_parameter("again", scale.detach().view({1, -1}).requires_grad_(true));
  }

  torch::Tensor forward(const FrozenLinear& base, const torch::Tensor& x) override {
    const auto y = base(x);
    auto factor = effective() + 1.0;
    if (sin_ != "type") factor = factor.to(x.scalar_type());
    if (sin_ == "training" && is_training()) factor = factor * 1.1;
    if (sin_ == "batch_size")
      return y * factor + (scale.sum() * (1e-3 * static_cast<double>(x.size(0)))).to(x.scalar_type());
    if (sin_ == "leak") return y * factor + scale.to(x.scalar_type()) * y.mean(/*dim=*/0, /*keepdim=*/true);
    return y * factor;
  }

  std::optional<peftlab::Merged> merged(const FrozenLinear& base) const override {
    if (sin_ == "batch_size" || sin_ == "leak") return std::nullopt;
    const auto factor = effective() * (sin_ == "merge" ? 2.0 : 1.0) + 1.0;
    return peftlab::Merged{base.weight() * factor.unsqueeze(1),
                           base.bias().defined() ? base.bias() * factor : torch::Tensor()};
  }

  torch::Tensor effective() const {
    if (sin_ == "count") return scale + 0.0 * named_parameters()["again"].view({-1});
    if (sin_ == "gradient") return scale + 0.5 * scale.detach();
    return other.defined() ? scale * other : scale;
  }

  /// r, as a parameter that is saved or as a tensor that nobody knows of.
  void set_other(const torch::Tensor& drawn, bool known) { other = known ? register_parameter("other", drawn) : drawn; }

  torch::Tensor scale;  // (out)
  torch::Tensor other;  // (out), or undefined

 private:
  std::string sin_;
};

/// Scales by the tensor of another patch, which it does not register.
class Borrower final : public peftlab::WeightPatch {
 public:
  explicit Borrower(torch::Tensor scale) : scale_(std::move(scale)) {}
  torch::Tensor forward(const FrozenLinear& base, const torch::Tensor& x) override {
    return base(x) * (scale_ + 1.0).to(x.scalar_type());
  }
  std::optional<peftlab::Merged> merged(const FrozenLinear& base) const override {
    const auto factor = scale_ + 1.0;
    return peftlab::Merged{base.weight() * factor.unsqueeze(1),
                           base.bias().defined() ? base.bias() * factor : torch::Tensor()};
  }

 private:
  torch::Tensor scale_;  // (out)
};

class Word final : public peftlab::VirtualTokens {
 public:
  Word(int64_t width, torch::ScalarType type) : word_(register_parameter("word", torch::ones({1, width}, type))) {}
  torch::Tensor forward() override { return word_; }
  int64_t num_virtual_tokens() const override { return 1; }

 private:
  torch::Tensor word_;  // (1, C)
};

peftlab::Targets queries() {
  peftlab::Targets targets;
  targets.names = {"q_proj"};
  return targets;
}

class Sinner final : public peftlab::Method {
 public:
  explicit Sinner(peftlab::Options& options)
      : sin_(options.choice("sin", "none", {"none",       "base",         "gradient_on_base",
                                            "count",      "not_identity", "global_draw",
                                            "fixed_draw", "gradient",     "stuck",
                                            "merge",      "buffer",       "counter",
                                            "adapter",    "batch_size",   "leak",
                                            "borrow",     "training",     "type",
                                            "swallow",    "twice",        "throw"},
                            "what it does wrong")),
        targets_(options.targets("targets", queries(), "which matrices are filled")) {
    for (int i = 0; i < (sin_ == "twice" ? 2 : 1); ++i)
      options.integer("level", 3, "any number", {.least = 1, .most = 9});
  }

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter*) override {
    if (sin_ == "throw") throw std::runtime_error("out of ideas");
    try {
      for (const auto* base : points.weights(targets_)) fill(points, *base);
    } catch (const peftlab::ConfigError&) {
      if (sin_ != "swallow") throw;
      points.fill_virtual_tokens(std::make_shared<Word>(points.shape().width, points.trainable_type()));
    }
  }

  void after_step(int64_t) override {
    torch::NoGradGuard no_grad;
    ++num_steps_;
    for (const auto& patch : patches_) {
      if (sin_ == "stuck") patch->scale.zero_();
      if (sin_ == "counter" && num_steps_ > 2) patch->scale.mul_(0.5);
    }
  }

  peftlab::Tensors to_peft(peftlab::Tensors named) const override {
    if (sin_ != "adapter") return named;
    for (auto& [name, tensor] : named) tensor = tensor * 2;
    return named;
  }

 private:
  void fill(peftlab::InjectionPoints& points, const FrozenLinear& base) {
    if (sin_ == "base") base.weight().mul_(1.01);
    if (sin_ == "gradient_on_base") base.weight().set_requires_grad(true);
    if (sin_ == "borrow" && !patches_.empty()) {
      points.fill_weight(base, std::make_shared<Borrower>(patches_[0]->scale));
      return;
    }
    auto patch = std::make_shared<Scale>(sin_, base.out(), points.trainable_type());
    const bool known = sin_ != "buffer";
    if (sin_ == "global_draw") patch->set_other(torch::randn({base.out()}, points.trainable_type()), known);
    if (sin_ == "fixed_draw" || sin_ == "buffer") {
      auto generator = points.generator(base.name());
      if (sin_ == "fixed_draw") generator = at::detail::createCPUGenerator(/*seed=*/5);
      patch->set_other(torch::empty({base.out()}, points.trainable_type()).normal_(0.0, 1.0, generator), known);
    }
    patches_.push_back(patch);
    points.fill_weight(base, patch);
  }

  std::string sin_;
  peftlab::Targets targets_;
  std::vector<std::shared_ptr<Scale>> patches_;
  int64_t num_steps_ = 0;
};

}  // namespace

PEFTLAB_METHOD(Sinner, PEFTLAB_NAME, "sins on request", "none", PEFTLAB_STARTS_AS_BASE, nullptr)
