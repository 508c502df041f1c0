// DoRA: weight-decomposed low-rank adaptation (Liu et al., 2024, https://arxiv.org/abs/2402.09353).
//
//   y = m / ||W + s B A|| (W + s B A) x + bias,   m: (out), the norm is each row's over `in`           (equation 5)
//
// The norm is held fixed in the gradient (section 4.3). It starts as m, so the patched model equals the base model
// before the first step.

#include <torch/types.h>
#include <torch/utils.h>

#include "peftlab/parts/low_rank_norms.h"
#include "peftlab/parts/low_rank_updates.h"
#include "peftlab/ops.h"

namespace {

using peftlab::Fields;
using peftlab::FrozenLinear;
using peftlab::LowRankFactors;
using peftlab::LowRankUpdates;
using peftlab::Tensors;
using torch::Tensor;

constexpr const char* kMagnitude = "lora_magnitude_vector";
constexpr const char* kSquares = "base_norm_squared";

Tensor squares(const Tensor& weight, int64_t along, torch::ScalarType type) {
  return at::linalg_vector_norm(weight, 2, {along}, /*keepdim=*/false, type).square();
}

class Decomposed final : public peftlab::LowRankPatch {
 public:
  Decomposed(const FrozenLinear& base, const peftlab::LowRankTensors& tensors, double scale, double dropout)
      : LowRankPatch(tensors, scale, dropout, peftlab::salt_of(base.name())),
        norms_(register_buffer(kSquares, squares(base.weight(), /*along=*/1, tensors.a.scalar_type()))),
        magnitude_(register_parameter(kMagnitude, norms(base).clone())) {}

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
  // Of the rows of W + s B A: (out).
  Tensor norms(const FrozenLinear& base) const {
    const auto f = trained();
    const auto cross = [&] { return base.storage()->multiply(f.down.to(base.storage()->compute_type())).t(); };
    return norms_.of(f, cross, /*may_keep=*/!is_training() && !torch::GradMode::is_enabled());
  }

  peftlab::LowRankNorms norms_;
  Tensor magnitude_;  // (out)
};

// Each of the table's C columns has a norm, over the vocabulary.
class DecomposedTable final : public peftlab::LowRankTable {
 public:
  DecomposedTable(const Tensor& table, const Tensor& a, const Tensor& b, double scale)
      : LowRankTable(a, b, scale),
        table_(table),
        norms_(register_buffer(kSquares, squares(table, /*along=*/0, a.scalar_type()))),
        magnitude_(register_parameter(kMagnitude, norms().clone())) {}

  Tensor rows(const Tensor& ids, const Tensor& x) override {
    const auto gain = magnitude_ / peftlab::constant(norms());  // (C)
    return (gain * (x + added(ids))).to(x.scalar_type());
  }

  std::optional<Tensor> merged(const Tensor& table) const override {
    return magnitude_ / norms() * *LowRankTable::merged(table);
  }

  std::optional<LowRankFactors> factors() const override { return std::nullopt; }

 private:
  Tensor norms() const {
    const auto cross = [&] { return a().to(table_.scalar_type()).matmul(table_).t(); };
    return norms_.of({a(), b(), scale()}, cross, /*may_keep=*/!is_training() && !torch::GradMode::is_enabled());
  }

  Tensor table_;  // (V, C), frozen, the model's
  peftlab::LowRankNorms norms_;
  Tensor magnitude_;  // (C)
};

class Dora final : public peftlab::Method {
 public:
  explicit Dora(peftlab::Options& options) : updates_(options, LowRankUpdates::More::kNothing) {
    if (updates_.decomposes())
      options.mistake("init", "is for low-rank updates without a magnitude; expected true, \"gaussian\" or \"random\"");
  }

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    const auto patch = [this](const auto& base, const auto& tensors, double scale) {
      return std::make_shared<Decomposed>(base, tensors, scale, updates_.dropout());
    };
    const auto table = [&](const Tensor& a, const Tensor& b, double scale) {
      return std::make_shared<DecomposedTable>(peftlab::kept_table(points), a, b, scale);
    };
    updates_.fill(points, /*loads=*/loaded != nullptr, patch, table);
  }

  std::optional<Fields> peft_config() const override {
    auto config = updates_.config();
    config.set("use_dora", true);
    return config;
  }
  Tensors to_peft(Tensors named) const override { return updates_.with(std::move(named)); }
  Tensors from_peft(Tensors saved) const override { return updates_.without(std::move(saved)); }

 private:
  LowRankUpdates updates_;
};

std::optional<Fields> from_peft_config(const Fields& config) {
  return peftlab::options_from_lora_config(config, /*dora=*/true, {});
}

}  // namespace

PEFTLAB_METHOD(Dora, "dora", "low-rank update of the direction, trained magnitude", "https://arxiv.org/abs/2402.09353",
               true, from_peft_config)
