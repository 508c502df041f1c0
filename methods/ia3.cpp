// (IA)^3: learned vectors l rescale keys, values and what enters the last matrix of the MLP (Liu et al., 2022,
// https://arxiv.org/abs/2205.05638, section 3.3).
//
//   y = l * (W x + bias)      keys, values and every other module; the bias is scaled too, as PEFT does
//   y = W (l * x) + bias      feed-forward modules
//
// l starts at 1, so the patched model equals the base model before the first step.

#include <algorithm>

#include "peftlab/parts/matrix_targets.h"
#include "peftlab/method.h"
#include "peftlab/parts/module_choice.h"
#include "peftlab/parts/starts.h"

namespace {

using peftlab::Fields;
using peftlab::ModuleTable;
using peftlab::Tensors;

// What PEFT fills in each architecture. The last is the feed-forward module.
const ModuleTable kFilled = {{"llama", {"k_proj", "v_proj", "down_proj"}},
                             {"mistral", {"k_proj", "v_proj", "down_proj"}},
                             {"gemma", {"q_proj", "v_proj", "down_proj"}},
                             {"gemma2", {"q_proj", "v_proj", "down_proj"}},
                             {"gemma3_text", {"q_proj", "v_proj", "down_proj"}},
                             {"qwen2", {"q_proj", "v_proj", "down_proj"}},
                             {"qwen3", {"q_proj", "v_proj", "down_proj"}},
                             {"gpt2", {"c_attn", "mlp.c_proj"}},
                             {"gpt_neo", {"q_proj", "v_proj", "c_proj"}},
                             {"gpt_neox", {"query_key_value", "dense_4h_to_h"}},
                             {"phi", {"q_proj", "v_proj", "fc2"}}};

class Rescale final : public peftlab::WeightPatch {
 public:
  /// `l`: (out, 1), or (1, in) where the input is scaled.
  Rescale(torch::Tensor l, bool of_input) : l_(register_parameter("ia3_l", std::move(l))), of_input_(of_input) {}

  // Multiplied in the type of l: near 1, bfloat16 has two decimal places.
  torch::Tensor forward(const peftlab::FrozenLinear& base, const torch::Tensor& x) override {
    if (of_input_) return base((x * l_.flatten()).to(x.scalar_type()));
    const auto y = base(x);
    return (y * l_.flatten()).to(y.scalar_type());
  }

  std::optional<peftlab::Merged> merged(const peftlab::FrozenLinear& base) const override {
    auto bias = base.bias();
    if (bias.defined()) bias = of_input_ ? bias.to(l_.scalar_type()) : bias * l_.flatten();
    return peftlab::Merged{base.weight() * l_, bias};
  }

 private:
  torch::Tensor l_;  // (out, 1) or (1, in)
  bool of_input_;
};

class Ia3 final : public peftlab::Method {
 public:
  explicit Ia3(peftlab::Options& options)
      : targets_(options),
        start_(peftlab::read_start(options, "true: ones, \"random\": normal")),
        feedforward_(options, "feedforward",
                     "which of them scale their input: name endings, or a regular expression; "
                     "null: those usual for the architecture") {}

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    const auto chosen = targets_.matrices(points, kFilled);
    if (!feedforward_.given())
      feedforward_.choose({peftlab::known_modules(kFilled, points.shape(), "feedforward").back()});
    const peftlab::Starts starts(points, loaded != nullptr);
    for (const auto* base : chosen) {
      const bool of_input = feedforward_.has(base->name());
      const std::vector<int64_t> sizes =
          of_input ? std::vector<int64_t>{1, base->in()} : std::vector<int64_t>{base->out(), 1};
      auto l = start_ == "true" ? starts.full(sizes, 1.0) : starts.normal(base->name() + ".ia3_l", sizes, 1.0);
      points.fill_weight(*base, std::make_shared<Rescale>(l, of_input));
      if (of_input) filled_feedforward_.push_back(base->name());
    }
    if (feedforward_.given()) feedforward_.check(targets_.filled());
  }

  // A vector in the shape of a matrix: decay would pull it to 0, which is not the base model.
  peftlab::GroupRule group(const std::string&, const torch::Tensor&) const override { return {.decay = false}; }

  std::optional<Fields> peft_config() const override {
    auto config = peftlab::peft_fields("IA3");
    targets_.write(config, {"layers_to_transform", "layers_pattern"});
    config.set("feedforward_modules", feedforward_.value());
    if (!says_as_given()) {
      config.set("target_modules", targets_.filled());
      config.set("exclude_modules", nullptr);
      config.set("feedforward_modules", filled_feedforward_);
    }
    config.set("init_ia3_weights", peftlab::start_value(start_));
    config.set("fan_in_fan_out", targets_.turned());
    return config;
  }

  Tensors to_peft(Tensors named) const override { return targets_.with(std::move(named)); }
  Tensors from_peft(Tensors saved) const override { return targets_.without(std::move(saved)); }

 private:
  // PEFT has no layers here, and demands that each feed-forward name is, letter by letter, one of the targets.
  bool says_as_given() const {
    const auto& named = targets_.named();
    const auto is_target = [&](const std::string& name) { return std::ranges::count(named.names, name) > 0; };
    return named.layers.empty() && !named.all_linear &&
           (!named.regex.empty() || feedforward_.by_pattern() || std::ranges::all_of(feedforward_.names(), is_target));
  }

  peftlab::MatrixTargets targets_;
  std::string start_;
  peftlab::ModuleChoice feedforward_;
  std::vector<std::string> filled_feedforward_;  // module names
};

std::optional<Fields> from_peft(const Fields& config) {
  return peftlab::options_of_peft_type(
      "IA3", config, {{"feedforward_modules", "feedforward"}, {"init_ia3_weights", "init"}}, {"fan_in_fan_out"});
}

}  // namespace

PEFTLAB_METHOD(Ia3, "ia3", "vectors that rescale activations", "https://arxiv.org/abs/2205.05638", true, from_peft)
