// (IA)^3: learned vectors l rescale keys, values and what enters the last matrix of the MLP (Liu et al., 2022,
// https://arxiv.org/abs/2205.05638, section 3.3).
//
//   y = l * (W x + bias)      keys, values and every other module; the bias is scaled too, as PEFT does
//   y = W (l * x) + bias      feed-forward modules
//
// l starts at 1, so the patched model equals the base model before the first step.

#include <algorithm>
#include <regex>

#include "peftlab/default_targets.h"
#include "peftlab/method.h"
#include "peftlab/peft_form.h"
#include "peftlab/starts.h"

namespace {

using peftlab::Fields;
using peftlab::ModuleTable;
using peftlab::Targets;
using peftlab::Value;

// What PEFT fills in each architecture; of that, the feed-forward modules.
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
const ModuleTable kFeedForward = {{"llama", {"down_proj"}},
                                  {"mistral", {"down_proj"}},
                                  {"gemma", {"down_proj"}},
                                  {"gemma2", {"down_proj"}},
                                  {"gemma3_text", {"down_proj"}},
                                  {"qwen2", {"down_proj"}},
                                  {"qwen3", {"down_proj"}},
                                  {"gpt2", {"mlp.c_proj"}},
                                  {"gpt_neo", {"c_proj"}},
                                  {"gpt_neox", {"dense_4h_to_h"}},
                                  {"phi", {"fc2"}}};

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
      : targets_(
            options.targets("targets", Targets(), "which matrices are filled; none: those usual for the architecture")),
        start_(peftlab::read_start(options, "true: ones, \"random\": normal")) {
    const auto value = options.any("feedforward",
                                   "which of them scale their input: name endings, or a regular expression; "
                                   "null: those usual for the architecture");
    if (value.is_null()) return;
    given_ = true;
    try {
      if (value.is_text()) regex_ = std::regex(value.text());
      if (value.is_text())
        pattern_ = value.text();
      else
        feedforward_ = value.texts();
    } catch (const peftlab::ConfigError& error) {
      options.mistake("feedforward", std::string(error.what()) + "; expected module names, or a regular expression");
    } catch (const std::regex_error& error) {
      options.mistake("feedforward", "'" + value.text() + "' is no regular expression: " + error.what());
    }
  }

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter* loaded) override {
    targets_ = peftlab::targets_or_known(targets_, kFilled, points.shape());
    if (!given_) feedforward_ = peftlab::known_modules(kFeedForward, points.shape(), "feedforward");
    const peftlab::Starts starts(points, loaded != nullptr);
    for (const auto* base : points.weights(targets_)) {
      const bool of_input = is_feedforward(base->name());
      const std::vector<int64_t> sizes =
          of_input ? std::vector<int64_t>{1, base->in()} : std::vector<int64_t>{base->out(), 1};
      auto l = start_ == "true" ? starts.full(sizes, 1.0) : starts.normal(base->name() + ".ia3_l", sizes, 1.0);
      points.fill_weight(*base, std::make_shared<Rescale>(l, of_input));
      filled_.push_back(base->name());
      turned_ = turned_ || base->fan_in_fan_out();
      if (of_input) filled_feedforward_.push_back(base->name());
    }
    if (given_) check_feedforward();
  }

  // A vector in the shape of a matrix: decay would pull it to 0, which is not the base model.
  peftlab::GroupRule group(const std::string&, const torch::Tensor&) const override { return {.decay = false}; }

  std::optional<Fields> peft_config() const override {
    auto config = peftlab::peft_fields("IA3");
    // PEFT demands that each feed-forward name is, letter by letter, one of the targets.
    const auto is_target = [&](const std::string& name) {
      return std::ranges::find(targets_.names, name) != targets_.names.end();
    };
    const bool as_given =
        targets_.layers.empty() && !targets_.all_linear &&
        (!targets_.regex.empty() || !pattern_.empty() || std::ranges::all_of(feedforward_, is_target));
    Targets every;
    every.all_linear = true;
    peftlab::set_peft_targets_without(config, {"layers_to_transform", "layers_pattern"}, as_given ? targets_ : every,
                                      filled_);
    config.set("feedforward_modules", !as_given          ? Value(filled_feedforward_)
                                      : pattern_.empty() ? Value(feedforward_)
                                                         : Value(pattern_));
    config.set("init_ia3_weights", peftlab::start_value(start_));
    config.set("fan_in_fan_out", turned_);
    config.set("modules_to_save", nullptr);
    return config;
  }

 private:
  // By the end of the name whether or not a dot stands before it, as PEFT does here and only here.
  bool is_feedforward(const std::string& module) const {
    if (!pattern_.empty()) return std::regex_match(module, regex_);
    return std::ranges::any_of(feedforward_, [&](const std::string& name) { return module.ends_with(name); });
  }
  void check_feedforward() const {
    if (!pattern_.empty() && filled_feedforward_.empty())
      throw peftlab::ConfigError("feedforward: '" + pattern_ + "' matches none of the targets");
    for (const auto& name : feedforward_) {
      const auto means = [&](const std::string& module) { return module.ends_with(name); };
      if (std::ranges::none_of(filled_, means))
        throw peftlab::ConfigError("feedforward: '" + name + "' is none of the targets");
    }
  }

  Targets targets_;
  std::string start_;
  bool given_ = false;  // whether feed-forward modules were named
  std::vector<std::string> feedforward_;
  std::string pattern_;
  std::regex regex_;
  std::vector<std::string> filled_;              // module names
  bool turned_ = false;  // whether matrices are kept as (in, out): PEFT's fan_in_fan_out
  std::vector<std::string> filled_feedforward_;  // of those, the feed-forward modules
};

std::optional<Fields> from_peft(const Fields& config) {
  return peftlab::options_of_peft_type(
      "IA3", config, {{"feedforward_modules", "feedforward"}, {"init_ia3_weights", "init"}}, {"fan_in_fan_out"});
}

}  // namespace

PEFTLAB_METHOD(Ia3, "ia3", "vectors that rescale activations", "https://arxiv.org/abs/2205.05638", true, from_peft)
