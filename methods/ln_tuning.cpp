// LN tuning: the normalisation layers alone are trained (Zhao et al., 2023, https://arxiv.org/abs/2312.11420).
//
//   g <- g + dg for every gain g, and bias, of a norm, on float32 copies
//
// PEFT keeps the copies in the model's type, where a step of 1e-4 on a gain near 1 is lost in bfloat16; here they are
// float32. They start as the base's tensors, so the model equals the base model before the first step.

#include "peftlab/parts/default_targets.h"
#include "peftlab/method.h"
#include "peftlab/parts/peft_form.h"

namespace {

using peftlab::Fields;
using peftlab::Targets;

// What PEFT trains in each architecture.
const peftlab::ModuleTable kNorms = {{"llama", {"input_layernorm", "post_attention_layernorm", "norm"}},
                                     {"mistral", {"input_layernorm", "post_attention_layernorm", "norm"}},
                                     {"gemma", {"input_layernorm", "post_attention_layernorm", "norm"}},
                                     {"gemma2",
                                      {"input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
                                       "post_feedforward_layernorm", "norm"}},
                                     {"gemma3_text",
                                      {"input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
                                       "post_feedforward_layernorm", "norm"}},
                                     {"gpt2", {"ln_1", "ln_2", "ln_f"}},
                                     {"phi", {"input_layernorm", "final_layernorm"}},
                                     {"qwen2", {"post_attention_layernorm"}},
                                     {"qwen3", {"post_attention_layernorm"}}};

// Puts a parameter at a path below a module, so that the path becomes its name.
void put(torch::nn::Module& at, const std::string& path, const torch::Tensor& parameter) {
  const auto dot = path.find('.');
  if (dot == std::string::npos) {
    at.register_parameter(path, parameter);
    return;
  }
  const auto name = path.substr(0, dot);
  const auto children = at.named_children();
  const auto* known = children.find(name);
  const auto child = known != nullptr ? *known : at.register_module(name, std::make_shared<torch::nn::Module>());
  put(*child, path.substr(dot + 1), parameter);
}

class LnTuning final : public peftlab::Method {
 public:
  explicit LnTuning(peftlab::Options& options)
      : targets_(
            options.targets("targets", Targets(), "which norms are trained; none: those usual for the architecture")) {}

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter*) override {
    targets_ = peftlab::targets_or_known(targets_, kNorms, points.shape());
    for (const auto* base : points.parameters(targets_)) {
      const auto module = base->name().substr(0, base->name().rfind('.'));
      if (base->name().ends_with(".weight") && base->value().dim() != 1) {
        throw peftlab::ConfigError("targets: '" + module +
                                   "' is a matrix, expected a norm; name norms, or fill matrices with another method");
      }
      const auto patch = std::make_shared<peftlab::ParameterPatch>(*base);
      points.fill_parameter(*base, patch);
      // PEFT's name has a module of its own in it, which the point's name lacks.
      put(*this, "model." + module + ".ln_tuning_layers" + base->name().substr(module.size()), patch->value());
      if (filled_.empty() || filled_.back() != module) filled_.push_back(module);
    }
  }

  std::optional<Fields> peft_config() const override {
    auto config = peftlab::peft_fields("LN_TUNING");
    peftlab::set_peft_targets_without(config, {"layers_to_transform", "layers_pattern"}, targets_, filled_);
    config.set("modules_to_save", nullptr);
    return config;
  }

 private:
  Targets targets_;
  std::vector<std::string> filled_;  // module names
};

std::optional<Fields> from_peft_config(const Fields& config) {
  return peftlab::options_of_peft_type("LN_TUNING", config, {}, {});
}

}  // namespace

PEFTLAB_METHOD(LnTuning, "ln_tuning", "the normalisation layers alone", "https://arxiv.org/abs/2312.11420", true,
               from_peft_config)
