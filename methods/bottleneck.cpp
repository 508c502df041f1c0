// Bottleneck adapters: a small network of two layers behind the sub-layers of a block, with a residual around it
// (Houlsby et al., 2019, https://arxiv.org/abs/1902.00751, section 2.1). Behind both sub-layers as there, or behind the
// MLP alone (Pfeiffer et al., 2021, https://arxiv.org/abs/2005.00247).
//
//   h = W x + bias,  y = h + U act(D h + d) + u
//
// U and u start at 0 instead of near it, so the patched model equals the base model before the first step. The norms,
// which Houlsby et al. train as well, stay as they are: ln_tuning does that, and may stand beside this method.

#include <algorithm>

#include "peftlab/method.h"
#include "peftlab/parts/starts.h"

namespace {

using peftlab::Targets;

class Dense final : public torch::nn::Module {
 public:
  explicit Dense(torch::Tensor weight)
      : weight_(register_parameter("weight", std::move(weight))),
        bias_(register_parameter("bias", torch::zeros({weight_.size(0)}, weight_.options()))) {}
  torch::Tensor operator()(const torch::Tensor& x) const {
    return at::linear(x, weight_.to(x.scalar_type()), bias_.to(x.scalar_type()));
  }

 private:
  torch::Tensor weight_;  // (out, in)
  torch::Tensor bias_;    // (out)
};

torch::Tensor activated(const torch::Tensor& x, const std::string& activation) {
  if (activation == "relu") return at::relu(x);
  if (activation == "silu") return at::silu(x);
  return activation == "tanh" ? at::tanh(x) : at::gelu(x);
}

class Bottleneck final : public peftlab::WeightPatch {
 public:
  /// `down`: (size, out), `up`: (out, size).
  Bottleneck(torch::Tensor down, torch::Tensor up, std::string activation)
      : down_(register_module("down", std::make_shared<Dense>(std::move(down)))),
        up_(register_module("up", std::make_shared<Dense>(std::move(up)))),
        activation_(std::move(activation)) {}

  torch::Tensor forward(const peftlab::FrozenLinear& base, const torch::Tensor& x) override {
    const auto h = base(x);  // (..., out)
    return h + (*up_)(activated((*down_)(h), activation_));
  }

 private:
  std::shared_ptr<Dense> down_;
  std::shared_ptr<Dense> up_;
  std::string activation_;
};

// What a block's attention and its MLP end in; elsewhere as in Llama.
std::vector<std::string> outputs(const std::string& architecture, bool of_attention) {
  std::vector<std::string> names = {"mlp.down_proj", "self_attn.o_proj"};
  if (architecture == "gpt2") names = {"mlp.c_proj", "attn.c_proj"};
  if (architecture == "gpt_neo") names = {"mlp.c_proj", "attention.out_proj"};
  if (!of_attention) names.pop_back();
  return names;
}

class Adapters final : public peftlab::Method {
 public:
  explicit Adapters(peftlab::Options& options)
      : after_(options.choice("after", "both", {"both", "mlp"},
                              "behind attention and MLP (Houlsby), or the MLP alone (Pfeiffer)")),
        size_(options.integer("size", 0, "width of the bottleneck; 0: from reduction", {.least = 0, .most = 65536})),
        reduction_(
            options.number("reduction", 16.0, "the bottleneck is the model's width / reduction", {.least = 1.0})),
        activation_(options.choice("activation", "gelu", {"gelu", "relu", "silu", "tanh"}, "between the two layers")),
        targets_(options.targets("targets", Targets(), "which matrices it stands behind; none: as `after` says")) {}

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    Targets targets = targets_;
    if (!targets.all_linear && targets.regex.empty() && targets.names.empty()) {
      targets.names = outputs(points.shape().architecture, after_ == "both");
    }
    const peftlab::Starts starts(points, loaded != nullptr);
    for (const auto* base : points.weights(targets)) {
      const int64_t width = base->out();
      const int64_t size =
          size_ > 0 ? size_ : std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(width) / reduction_));
      points.fill_weight(*base,
                         std::make_shared<Bottleneck>(starts.kaiming(base->name() + ".down.weight", {size, width}),
                                                      starts.full({width, size}, 0.0), activation_));
    }
  }

 private:
  std::string after_;
  int64_t size_;
  double reduction_;
  std::string activation_;
  Targets targets_;
};

}  // namespace

PEFTLAB_METHOD(Adapters, "bottleneck", "small networks behind attention and MLP", "https://arxiv.org/abs/1902.00751",
               true, nullptr)
