// LoHa: the update is the element-wise product of two low-rank matrices (FedPara, Hyeon-Woo et al., 2022,
// https://arxiv.org/abs/2108.06098, section 2.2; named LoHa by LyCORIS, https://arxiv.org/abs/2309.14859).
//
//   W' = W + s (A1 B1) * (A2 B2),  s = alpha / rank
//
// B2 starts at 0, so the patched model equals the base model before the first step.
// The product is itself of rank at most rank^2, with factors made of all pairs of columns of A1, A2 and of rows of B1,
// B2: as long as that is less work than the (out, in) matrix, the matrix is never built.

#include <torch/csrc/autograd/custom_function.h>

#include "peftlab/default_targets.h"
#include "peftlab/low_rank.h"
#include "peftlab/low_rank_options.h"
#include "peftlab/method.h"
#include "peftlab/ranked_update.h"
#include "peftlab/starts.h"

namespace {

using peftlab::Fields;
using peftlab::Targets;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

torch::Tensor hadamard(const torch::Tensor& a1, const torch::Tensor& b1, const torch::Tensor& a2,
                       const torch::Tensor& b2) {
  return at::mm(a1, b1) * at::mm(a2, b2);
}

// x ((A1 B1) * (A2 B2))', (N, in) -> (N, out). Keeps x and the factors: what is (out, in) is built again for the
// gradient.
class DenseProduct : public torch::autograd::Function<DenseProduct> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& x, const torch::Tensor& a1,
                               const torch::Tensor& b1, const torch::Tensor& a2, const torch::Tensor& b2) {
    ctx->save_for_backward({x, a1, b1, a2, b2});
    return at::mm(x, hadamard(a1, b1, a2, b2).to(x.scalar_type()).t());
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto kept = ctx->get_saved_variables();
    const auto &x = kept[0], &a1 = kept[1], &b1 = kept[2], &a2 = kept[3], &b2 = kept[4];
    const auto& dy = grads[0];
    const auto change = at::mm(dy.t(), x).to(a1.scalar_type());  // (out, in)
    const auto first = change * at::mm(a2, b2), second = change * at::mm(a1, b1);
    torch::Tensor dx;
    if (ctx->needs_input_grad(0)) dx = at::mm(dy, hadamard(a1, b1, a2, b2).to(x.scalar_type()));
    return {dx, at::mm(first, b1.t()), at::mm(a1.t(), first), at::mm(second, b2.t()), at::mm(a2.t(), second)};
  }
};

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
    return y + DenseProduct::apply(rows, a1, b1_, a2_, b2_).view(y.sizes());
  }

  std::optional<peftlab::Merged> merged(const peftlab::FrozenLinear& base) const override {
    const auto type = a1_.scalar_type();
    const auto bias = base.bias();
    return peftlab::Merged{base.weight().to(type) + scale_ * hadamard(a1_, b1_, a2_, b2_),
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
        targets_(options.targets("targets", Targets(),
                                 "which matrices are filled; none: those usual for the architecture")) {}

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    targets_ = peftlab::targets_or_known(targets_, peftlab::query_value_modules(), points.shape());
    const peftlab::Starts starts(points, loaded != nullptr);
    for (const auto* base : points.weights(targets_)) {
      const auto& name = base->name();
      const int64_t rank = update_.rank(name);
      if (loaded == nullptr) peftlab::check_rank(*base, rank);
      points.fill_weight(*base, std::make_shared<HadamardUpdate>(*base, starts, rank, update_.scale(name),
                                                                 update_.dropout(name), start_ == "random"));
      filled_.push_back(name);
    }
  }

  std::optional<Fields> peft_config() const override {
    auto config = peftlab::peft_fields("LOHA");
    update_.write(config);
    config.set("init_weights", peftlab::start_value(start_));
    config.set("modules_to_save", nullptr);
    peftlab::set_peft_targets(config, targets_, filled_);
    return config;
  }

 private:
  peftlab::RankedUpdate update_;
  std::string start_;
  Targets targets_;
  std::vector<std::string> filled_;  // module names
};

std::optional<Fields> from_peft_config(const Fields& config) {
  auto names = peftlab::RankedUpdate::fields();
  names.push_back({"init_weights", "init"});
  return peftlab::options_of_peft_type("LOHA", config, names, {"use_effective_conv2d"});
}

}  // namespace

PEFTLAB_METHOD(Loha, "loha", "element-wise product of two low-rank updates", "https://arxiv.org/abs/2108.06098", true,
               from_peft_config)
