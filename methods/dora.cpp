// DoRA: weight-decomposed low-rank adaptation (Liu et al., 2024, https://arxiv.org/abs/2402.09353).
//
//   y = m / ||W + s B A|| (W + s B A) x + bias,   m: (out), the norm is each row's over `in`           (equation 5)
//
// The norm is held fixed in the gradient (section 4.3). It starts as m, so the patched model equals the base model
// before the first step. ||W + s B A||^2 = ||W||^2 + 2 s (W A') . B + s^2 (B A A') . B, row by row: no (out, in) matrix
// is built for it.

#include <torch/all.h>

#include "peftlab/also_trained.h"
#include "peftlab/low_rank.h"
#include "peftlab/low_rank_options.h"
#include "peftlab/low_rank_start.h"
#include "peftlab/method.h"
#include "peftlab/ops.h"
#include "peftlab/peft.h"

namespace {

using peftlab::Fields;
using peftlab::FrozenLinear;
using peftlab::LowRankFactors;
using peftlab::Tensors;
using torch::Tensor;

constexpr const char* kMagnitude = "lora_magnitude_vector";

// squares: of the frozen rows' norms (out), cross: W A' (out, rank) -> (out).
Tensor row_norms(const Tensor& squares, const Tensor& cross, const LowRankFactors& f) {
  const auto inner = 2.0 * cross + f.scale * f.up.matmul(f.down.matmul(f.down.t()));  // (out, rank)
  // A row of zeros has no direction: with a norm above zero it stays zero.
  return (squares + f.scale * (inner * f.up).sum(1)).clamp_min(1e-30).sqrt();
}

class Dora final : public peftlab::Method {
 public:
  explicit Dora(peftlab::Options& options)
      : size_(options),
        dropout_(options.number("dropout", 0.0, "probability of dropping an input",
                                {.least = 0.0, .most = 1.0, .below = true})),
        start_(options),
        targets_(options, /*with_parameters=*/false),
        also_(options) {
    if (start_.decomposes())
      options.mistake("init", "is for low-rank updates without a magnitude; expected true, \"gaussian\" or \"random\"");
  }

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override;
  std::optional<Fields> peft_config() const override;
  Tensors to_peft(Tensors named) const override { return bases_.with(std::move(named)); }
  Tensors from_peft(Tensors saved) const override { return bases_.without(std::move(saved)); }

 private:
  peftlab::LowRankSize size_;
  double dropout_;
  peftlab::LowRankStart start_;
  peftlab::LowRankTargets targets_;
  peftlab::AlsoTrained also_;
  std::vector<std::string> filled_;
  bool turned_ = false;  // whether matrices are kept as (in, out): PEFT's fan_in_fan_out
  peftlab::SavedBases bases_;
};

class Decomposed final : public peftlab::LowRankPatch {
 public:
  Decomposed(const FrozenLinear& base, const peftlab::LowRankTensors& tensors, double scale, double dropout)
      : LowRankPatch(tensors, scale, dropout, peftlab::salt_of(base.name())) {
    const auto type = tensors.a.scalar_type();
    squares_ =
        register_buffer("base_norm_squared", at::linalg_vector_norm(base.weight(), 2, {1}, false, type).square());
    magnitude_ = register_parameter(kMagnitude, norms(base).clone());
  }

  Tensor forward(const FrozenLinear& base, const Tensor& x) override {
    const auto gain = magnitude_ / peftlab::constant(norms(base));  // (out)
    const FrozenLinear plain(base.name(), base.layer(), base.storage(), /*bias=*/{});
    Tensor y;
    if (drops()) {
      const auto z = dropped(x);
      y = plain(x) + (gain - 1.0) * plain(z) + gain * peftlab::low_rank_product(z, trained());
    } else {
      y = gain * peftlab::low_rank_linear(plain, x, trained());
    }
    y = y.to(x.scalar_type());
    const auto own = bias(base, y.scalar_type());
    return own.defined() ? y + own : y;
  }

  std::optional<peftlab::Merged> merged(const FrozenLinear& base) const override {
    const auto weight = peftlab::low_rank_merged(base, trained());
    const auto gain = (magnitude_ / norms(base)).to(weight.scalar_type());
    return peftlab::Merged{gain.unsqueeze(1) * weight, bias(base, weight.scalar_type())};
  }

  std::optional<LowRankFactors> factors() const override { return std::nullopt; }

 private:
  // Of the rows of W + s B A: (out). Generation asks for them at every token: they are made anew when A or B has
  // changed.
  Tensor norms(const FrozenLinear& base) const {
    const auto f = trained();
    const int64_t version = f.down._version() + f.up._version();
    const bool may_keep = !is_training() && !torch::GradMode::is_enabled();
    if (may_keep && norms_.defined() && norms_of_ == version) return norms_;
    const torch::NoGradGuard no_grad;
    const auto cross = base.storage()->multiply(f.down.to(base.storage()->compute_type())).t();  // (out, rank)
    const auto made = row_norms(squares_, cross.to(f.up.scalar_type()), f);
    norms_ = may_keep ? made : Tensor();
    norms_of_ = version;
    return made;
  }

  Tensor squares_;        // (out)
  Tensor magnitude_;      // (out)
  mutable Tensor norms_;  // (out), or undefined
  mutable int64_t norms_of_ = 0;
};

// Each of the table's C columns has a norm, over the vocabulary.
class DecomposedTable final : public peftlab::LowRankTable {
 public:
  DecomposedTable(const Tensor& table, const Tensor& a, const Tensor& b, double scale)
      : LowRankTable(a, b, scale), table_(table) {
    squares_ =
        register_buffer("base_norm_squared", at::linalg_vector_norm(table, 2, {0}, false, a.scalar_type()).square());
    magnitude_ = register_parameter(kMagnitude, norms().clone());
  }

  Tensor rows(const Tensor& ids, const Tensor& x) override {
    const auto gain = magnitude_ / peftlab::constant(norms());  // (C)
    return (gain * (x + added(ids))).to(x.scalar_type());
  }

  std::optional<Tensor> merged(const Tensor& table) const override {
    return magnitude_ / norms() * *LowRankTable::merged(table);
  }

 private:
  Tensor norms() const {
    const torch::NoGradGuard no_grad;
    const auto cross = a().to(table_.scalar_type()).matmul(table_).t();  // (C, rank)
    return row_norms(squares_, cross.to(b().scalar_type()), {a(), b(), scale()});
  }

  Tensor table_;      // (V, C), frozen, the model's
  Tensor squares_;    // (C)
  Tensor magnitude_;  // (C)
};

void Dora::attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) {
  for (const auto* base : targets_.matrices(points, also_.modules())) {
    const auto [rank, scale] = size_.of(base->name());
    if (loaded == nullptr) peftlab::check_rank(*base, rank);
    auto tensors = start_.tensors(points, *base, rank, scale, /*bias=*/false, loaded != nullptr);
    tensors.base_bias = also_.bias_for(points, *base);
    points.fill_weight(*base, std::make_shared<Decomposed>(*base, tensors, scale, dropout_));
    filled_.push_back(base->name());
    turned_ = turned_ || base->fan_in_fan_out();
    if (base->layer() < 0) bases_.add(base->name(), base->weight());
  }
  if (targets_.names_table(points)) {
    const auto module = peftlab::table_module(points);
    const auto [rank, scale] = size_.of(module);
    const auto [a, b] = start_.table(points, module, rank, loaded != nullptr);  // (rank, V), (C, rank)
    points.fill_table(std::make_shared<DecomposedTable>(peftlab::kept_table(points), a, b, scale));
    filled_.push_back(module);
    bases_.add(module, peftlab::kept_table(points));
  }
  also_.fill(points, filled_);
}

std::optional<Fields> Dora::peft_config() const {
  auto config = peftlab::peft_fields("LORA");
  size_.write(config);
  config.set("lora_dropout", dropout_);
  config.set("init_lora_weights", start_.peft_value());
  config.set("fan_in_fan_out", turned_);
  config.set("use_dora", true);
  also_.write(config);
  targets_.write(config, filled_);
  return config;
}

std::optional<Fields> from_peft_config(const Fields& config) {
  return peftlab::options_from_lora_config(config, /*dora=*/true, {});
}

}  // namespace

PEFTLAB_METHOD(Dora, "dora", "low-rank update of the direction, trained magnitude", "https://arxiv.org/abs/2402.09353",
               true, from_peft_config)
