// LoHa: the update is the element-wise product of two low-rank matrices (FedPara, Hyeon-Woo et al., 2022,
// https://arxiv.org/abs/2108.06098, section 2.2; named LoHa by LyCORIS, https://arxiv.org/abs/2309.14859).
//
//   W' = W + s (A1 B1) * (A2 B2),  s = alpha / rank
//
// B2 starts at 0, so the patched model equals the base model before the first step.
// The product is itself of rank at most rank^2, with factors made of all pairs of columns of A1, A2 and of rows of B1,
// B2: as long as that is less work than the (out, in) matrix, the matrix is never built.

#include "peftlab/parts/hadamard.h"
#include "peftlab/low_rank.h"
#include "peftlab/parts/matrix_targets.h"
#include "peftlab/method.h"
#include "peftlab/parts/ranked_update.h"
#include "peftlab/parts/starts.h"

namespace {

using peftlab::Fields;
using peftlab::Tensors;

class HadamardUpdate final : public peftlab::WeightPatch {
 public:
  HadamardUpdate(const peftlab::FrozenLinear& base, const peftlab::Starts& starts, int64_t rank, double scale,
                 peftlab::RowDropout dropout, bool random)
      : scale_(scale), dropout_(dropout) {
    const auto add = [&](const char* name, at::IntArrayRef sizes, bool zero) {
      return register_parameter(name, zero ? starts.full(sizes, 0.0) : starts.kaiming(base.name() + "." + name, sizes));
    };
    a1_ = add("hada_w1_a", {base.out(), rank}, false);
    b1_ = add("hada_w1_b", {rank, base.in()}, false);
    a2_ = add("hada_w2_a", {base.out(), rank}, false);
    b2_ = add("hada_w2_b", {rank, base.in()}, !random);
  }

  torch::Tensor forward(const peftlab::FrozenLinear& base, const torch::Tensor& x) override {
    const auto mask = drops() ? dropout_.mask(a1_.size(0), a1_.options()) : torch::Tensor();
    if (is_narrow()) return peftlab::low_rank_linear(base, x, pairs(mask));
    const auto rows = x.reshape({-1, x.size(-1)});
    auto a1 = scale_ * a1_;
    if (mask.defined()) a1 = a1 * mask.unsqueeze(1);
    const auto y = base(x);
    return y + peftlab::hadamard_product(rows, a1, b1_, a2_, b2_).view(y.sizes());
  }

  std::optional<peftlab::Merged> merged(const peftlab::FrozenLinear& base) const override {
    const auto type = a1_.scalar_type();
    const auto bias = base.bias();
    return peftlab::Merged{base.weight().to(type) + scale_ * peftlab::hadamard(a1_, b1_, a2_, b2_),
                           bias.defined() ? bias.to(type) : bias};
  }

  std::optional<peftlab::LowRankFactors> factors() const override {
    if (drops() || !is_narrow()) return std::nullopt;
    return pairs({});
  }

 private:
  bool drops() const { return is_training() && dropout_.active(); }
  bool is_narrow() const {
    const int64_t out = a1_.size(0), rank = a1_.size(1), in = b1_.size(1);
    return rank * rank * (in + out) <= in * out;
  }
  // (rank^2, in) and (out, rank^2): entry (i, j) of a pair of columns is number i * rank + j.
  peftlab::LowRankFactors pairs(const torch::Tensor& mask) const {
    auto up = (a1_.unsqueeze(2) * a2_.unsqueeze(1)).flatten(1);
    if (mask.defined()) up = up * mask.unsqueeze(1);
    return {(b1_.unsqueeze(1) * b2_.unsqueeze(0)).flatten(0, 1), up, scale_};
  }

  torch::Tensor a1_, a2_;  // (out, rank)
  torch::Tensor b1_, b2_;  // (rank, in)
  double scale_;
  peftlab::RowDropout dropout_;
};

class Loha final : public peftlab::Method {
 public:
  explicit Loha(peftlab::Options& options)
      : update_(options, /*may_scale=*/false),
        start_(peftlab::read_start(options, "true: B2 zero, the rest uniform; \"random\": all uniform")),
        targets_(options) {}

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    const peftlab::Starts starts(points, loaded != nullptr);
    const auto matrices = targets_.matrices(points);
    if (loaded == nullptr) {
      targets_.check(matrices, [&](const auto& base) { update_.check_rank_of(base); });
      update_.check_patterns(targets_.filled());
    }
    for (const auto* base : matrices) {
      const auto [rank, scale] = update_.of(base->name());
      points.fill_weight(*base, std::make_shared<HadamardUpdate>(*base, starts, rank, scale,
                                                                 update_.dropout(base->name()), start_ == "random"));
    }
  }

  std::optional<Fields> peft_config() const override {
    auto config = peftlab::peft_fields("LOHA");
    update_.write(config);
    config.set("init_weights", peftlab::start_value(start_));
    targets_.write(config);
    return config;
  }

  Tensors to_peft(Tensors named) const override { return targets_.with(std::move(named)); }
  Tensors from_peft(Tensors saved) const override { return targets_.without(std::move(saved)); }

 private:
  peftlab::RankedUpdate update_;
  std::string start_;
  peftlab::MatrixTargets targets_;
};

std::optional<Fields> from_peft_config(const Fields& config) {
  auto names = peftlab::RankedUpdate::fields(/*may_scale=*/false);
  names.push_back({"init_weights", "init"});
  return peftlab::options_of_peft_type("LOHA", config, names, {"use_effective_conv2d"});
}

}  // namespace

PEFTLAB_METHOD(Loha, "loha", "element-wise product of two low-rank updates", "https://arxiv.org/abs/2108.06098", true,
               from_peft_config)
