// VeRA: a low-rank update whose two matrices are random, frozen and shared by all modules; each module trains two
// vectors (Kopiczko et al., 2024, https://arxiv.org/abs/2310.11454, section 3).
//
//   y = W x + bias + b * (B (d * (A x))),   that is W + (b * B)(d * A), each module taking the top left of A and B
//
// b starts at 0, so the patched model equals the base model before the first step.

#include <algorithm>

#include "peftlab/low_rank.h"
#include "peftlab/parts/matrix_targets.h"
#include "peftlab/method.h"
#include "peftlab/ops.h"
#include "peftlab/parts/saved_buffers.h"
#include "peftlab/parts/shared_projection.h"
#include "peftlab/parts/starts.h"

namespace {

using peftlab::Fields;
using peftlab::SharedProjection;
using peftlab::Tensors;

class VeraUpdate final : public peftlab::WeightPatch {
 public:
  /// `d`: (rank), `b`: (out).
  VeraUpdate(std::shared_ptr<const SharedProjection> shared, int64_t in, torch::Tensor d, torch::Tensor b,
             double dropout, uint64_t salt)
      : shared_(std::move(shared)),
        in_(in),
        d_(register_parameter("vera_lambda_d", std::move(d))),
        b_(register_parameter("vera_lambda_b", std::move(b))),
        dropout_(dropout),
        salt_(salt) {}

  torch::Tensor forward(const peftlab::FrozenLinear& base, const torch::Tensor& x) override {
    return peftlab::low_rank_linear(base, x, own_factors(),
                                    drops() ? peftlab::dropout(x, dropout_, salt_) : torch::Tensor());
  }
  std::optional<peftlab::Merged> merged(const peftlab::FrozenLinear& base) const override {
    const auto bias = base.bias();
    return peftlab::Merged{peftlab::low_rank_merged(base, own_factors()),
                           bias.defined() ? bias.to(b_.scalar_type()) : bias};
  }
  std::optional<peftlab::LowRankFactors> factors() const override {
    if (drops()) return std::nullopt;
    return own_factors();
  }

 private:
  bool drops() const { return is_training() && dropout_ > 0.0; }
  peftlab::LowRankFactors own_factors() const {
    return {d_.unsqueeze(1) * shared_->a().narrow(1, 0, in_), b_.unsqueeze(1) * shared_->b().narrow(0, 0, b_.size(0))};
  }

  std::shared_ptr<const SharedProjection> shared_;
  int64_t in_;
  torch::Tensor d_;
  torch::Tensor b_;
  double dropout_;
  uint64_t salt_;
};

class Vera final : public peftlab::Method {
 public:
  explicit Vera(peftlab::Options& options)
      : rank_(options.integer("rank", 256, "rows of A and columns of B", {.least = 1, .most = 65536})),
        d_initial_(options.number("d_initial", 0.1, "what d starts from")),
        dropout_(options.number("dropout", 0.0, "probability of dropping an input of A",
                                {.least = 0.0, .most = 1.0, .below = true})),
        key_(options.integer("projection_prng_key", 0, "seed of A and B", {.least = 0})),
        saves_(options.flag("save_projection", true, "keep A and B in the adapter; else the key must give them again")),
        start_(peftlab::read_start(options, "true: d as said and b zero, \"random\": d normal and b ones")),
        targets_(options) {}

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    const auto chosen = targets_.matrices(points);
    int64_t in = 0, out = 0;
    for (const auto* base : chosen) in = std::max(in, base->in()), out = std::max(out, base->out());
    shared_ = register_module("projection",
                              std::make_shared<SharedProjection>(rank_, in, out, key_, points.trainable_type()));
    saved_.add("base_model.vera_A", shared_->a());
    saved_.add("base_model.vera_B", shared_->b());
    const peftlab::Starts starts(points, loaded != nullptr);
    for (const auto* base : chosen) {
      const auto& name = base->name();
      const bool random = start_ == "random";
      auto d = random ? starts.normal(name + ".vera_lambda_d", {rank_}, 1.0) : starts.full({rank_}, d_initial_);
      auto patch = std::make_shared<VeraUpdate>(shared_, base->in(), d, starts.full({base->out()}, random ? 1.0 : 0.0),
                                                dropout_, peftlab::salt_of(name));
      points.fill_weight(*base, patch);
      saved_.beside(name, *patch);
    }
  }

  std::optional<Fields> peft_config() const override {
    auto config = peftlab::peft_fields("VERA");
    config.set("r", rank_);
    config.set("d_initial", d_initial_);
    config.set("vera_dropout", dropout_);
    config.set("projection_prng_key", key_);
    config.set("save_projection", saves_);
    config.set("init_weights", peftlab::start_value(start_));
    config.set("bias", "none");
    config.set("fan_in_fan_out", targets_.turned());
    targets_.write(config, {"exclude_modules"});
    return config;
  }

  Tensors to_peft(Tensors named) const override {
    auto saved = targets_.with(std::move(named));
    return saves_ ? saved_.with(std::move(saved)) : saved;
  }
  Tensors from_peft(Tensors saved) const override {
    auto own = targets_.without(std::move(saved));
    return saves_ ? saved_.without(std::move(own)) : own;
  }

 private:
  int64_t rank_;
  double d_initial_;
  double dropout_;
  int64_t key_;
  bool saves_;
  std::string start_;
  peftlab::MatrixTargets targets_;
  std::shared_ptr<SharedProjection> shared_;
  peftlab::SavedBuffers saved_;
};

std::optional<Fields> from_peft_config(const Fields& config) {
  return peftlab::options_of_peft_type("VERA", config,
                                       {{"r", "rank"},
                                        {"d_initial", "d_initial"},
                                        {"vera_dropout", "dropout"},
                                        {"projection_prng_key", "projection_prng_key"},
                                        {"save_projection", "save_projection"},
                                        {"init_weights", "init"}},
                                       {"fan_in_fan_out"}, {{"bias", "none"}});
}

}  // namespace

PEFTLAB_METHOD(Vera, "vera", "vectors on shared random projections", "https://arxiv.org/abs/2310.11454", true,
               from_peft_config)
