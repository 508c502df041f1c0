// LoKr: the update is a Kronecker product, of which one or both parts may be low-rank (KronA, Edalati et al., 2022,
// https://arxiv.org/abs/2212.10650; in this form LyCORIS, Yeh et al., 2024, https://arxiv.org/abs/2309.14859, section
// 3).
//
//   W' = W + s kron(C, D),  C = w1 or w1_a w1_b of (a, c), D = w2 or w2_a w2_b of (b, e),  out = a b, in = c e,  s =
//   alpha / rank
//
// C starts at 0 (with "lycoris" D does), so the patched model equals the base model before the first step.
// kron(C, D) x is C X D' with x laid out as X (c, e): two small products for each token, never the (out, in) matrix.

#include <algorithm>

#include "peftlab/parts/divisors.h"
#include "peftlab/parts/matrix_targets.h"
#include "peftlab/method.h"
#include "peftlab/parts/ranked_update.h"
#include "peftlab/parts/starts.h"

namespace {

using peftlab::Fields;
using peftlab::Tensors;

struct Shapes {
  peftlab::TwoFactors out;  // (a, b)
  peftlab::TwoFactors in;   // (c, e)
  int64_t rank;
  bool first_whole;
  bool second_whole;
};

Shapes shapes_of(const peftlab::FrozenLinear& base, int64_t rank, int64_t factor, bool both) {
  const auto out = peftlab::two_factors(base.out(), factor), in = peftlab::two_factors(base.in(), factor);
  return {out, in, rank, !both || 2 * rank >= std::max(out.first, in.first),
          2 * rank >= std::max(out.second, in.second)};
}

class KroneckerUpdate final : public peftlab::WeightPatch {
 public:
  KroneckerUpdate(const peftlab::FrozenLinear& base, const peftlab::Starts& starts, const Shapes& s, double scale,
                  peftlab::RowDropout dropout, const std::string& start)
      : scale_(scale), dropout_(dropout) {
    const auto add = [&](const char* name, at::IntArrayRef sizes, bool zero) {
      return register_parameter(name, zero ? starts.full(sizes, 0.0) : starts.kaiming(base.name() + "." + name, sizes));
    };
    const bool first = start == "true", second = start == "lycoris";  // which part begins at zero
    if (s.first_whole)
      c_ = add("lokr_w1", {s.out.first, s.in.first}, first);
    else
      c_ = add("lokr_w1_a", {s.out.first, s.rank}, first), c_right_ = add("lokr_w1_b", {s.rank, s.in.first}, false);
    if (s.second_whole)
      d_ = add("lokr_w2", {s.out.second, s.in.second}, second);
    else
      d_ = add("lokr_w2_a", {s.out.second, s.rank}, false), d_right_ = add("lokr_w2_b", {s.rank, s.in.second}, second);
  }

  torch::Tensor forward(const peftlab::FrozenLinear& base, const torch::Tensor& x) override {
    const auto type = x.scalar_type();
    const auto c = scale_ * whole(c_, c_right_);                              // (a, c)
    auto t = x.reshape({-1, c.size(1), base.in() / c.size(1)});               // (N, c, e)
    if (d_right_.defined()) t = at::linear(t, d_right_.to(type));             // (N, c, rank)
    t = at::linear(t, d_.to(type));                                           // (N, c, b)
    auto update = at::linear(t.transpose(1, 2), c.to(type)).transpose(1, 2);  // (N, a, b)
    const auto y = base(x);
    update = update.reshape(y.sizes());
    if (is_training() && dropout_.active()) update = update * dropout_.mask(base.out(), c_.options()).to(type);
    return y + update;
  }

  std::optional<peftlab::Merged> merged(const peftlab::FrozenLinear& base) const override {
    const auto type = c_.scalar_type();
    const auto bias = base.bias();
    const auto change = at::kron(whole(c_, c_right_), whole(d_, d_right_));  // (out, in)
    return peftlab::Merged{base.weight().to(type) + scale_ * change, bias.defined() ? bias.to(type) : bias};
  }

 private:
  static torch::Tensor whole(const torch::Tensor& left, const torch::Tensor& right) {
    return right.defined() ? at::mm(left, right) : left;
  }

  torch::Tensor c_;        // (a, c), or (a, rank)
  torch::Tensor c_right_;  // undefined, or (rank, c)
  torch::Tensor d_;        // (b, e), or (b, rank)
  torch::Tensor d_right_;  // undefined, or (rank, e)
  double scale_;
  peftlab::RowDropout dropout_;
};

class Lokr final : public peftlab::Method {
 public:
  explicit Lokr(peftlab::Options& options)
      : update_(options, /*may_scale=*/true),
        both_(options.flag("decompose_both", false, "the first part is low-rank too where the rank is small enough")),
        factor_(options.integer("decompose_factor", -1, "size of the first part of each side; -1: as square as may be",
                                {.least = -1})),
        start_(peftlab::read_start(options, "true: C zero; \"lycoris\": D zero instead; \"random\": neither",
                                   {"lycoris"})),
        targets_(options) {
    if (factor_ == 0) options.mistake("decompose_factor", "expected -1, or an integer of at least 1, got 0");
  }

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    const peftlab::Starts starts(points, loaded != nullptr);
    const auto matrices = targets_.matrices(points);
    if (loaded == nullptr) update_.check_patterns(targets_.filled());
    for (const auto* base : matrices) {
      const auto [rank, scale] = update_.of(base->name());
      points.fill_weight(*base, std::make_shared<KroneckerUpdate>(*base, starts, shapes_of(*base, rank, factor_, both_),
                                                                  scale, update_.dropout(base->name()), start_));
    }
  }

  std::optional<Fields> peft_config() const override {
    auto config = peftlab::peft_fields("LOKR");
    update_.write(config);
    config.set("decompose_both", both_);
    config.set("decompose_factor", factor_);
    config.set("init_weights", peftlab::start_value(start_));
    targets_.write(config);
    return config;
  }

  Tensors to_peft(Tensors named) const override { return targets_.with(std::move(named)); }
  Tensors from_peft(Tensors saved) const override { return targets_.without(std::move(saved)); }

 private:
  peftlab::RankedUpdate update_;
  bool both_;
  int64_t factor_;
  std::string start_;
  peftlab::MatrixTargets targets_;
};

std::optional<Fields> from_peft_config(const Fields& config) {
  auto names = peftlab::RankedUpdate::fields(/*may_scale=*/true);
  names.insert(
      names.end(),
      {{"decompose_both", "decompose_both"}, {"decompose_factor", "decompose_factor"}, {"init_weights", "init"}});
  return peftlab::options_of_peft_type("LOKR", config, names, {"use_effective_conv2d"});
}

}  // namespace

PEFTLAB_METHOD(Lokr, "lokr", "Kronecker product update", "https://arxiv.org/abs/2309.14859", true, from_peft_config)
