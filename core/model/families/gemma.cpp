// Gemma 1 and 2: norms that multiply by 1 + w, a scaled embedding; Gemma 2 caps scores and logits and normalises what a
// block adds.
#include <cmath>

#include "core/model/families/config_writer.h"
#include "core/model/families/family.h"

namespace peftlab::model::families {
namespace {

/// A cap, 0 where it is switched off with null.
double read_cap(ConfigReader& config, const std::string& key, double fallback) {
  if (config.says_null(key)) return 0.0;
  return config.keys.number(key, fallback, "largest size; null: none", {0, 1e9, true});
}

void read_activation(ConfigReader& config, DecoderSpec& spec) {
  using kernels::Activation;
  if (spec.shape.architecture == "gemma2") {
    spec.mlp.activation = config.activation("hidden_activation", "gelu_pytorch_tanh");
    return;
  }
  // The first files of Gemma say gelu and mean its approximation, and transformers takes them so.
  const auto said = config.activation("hidden_act", "gelu_pytorch_tanh");
  spec.mlp.activation = said == Activation::kGelu ? Activation::kGeluTanh : said;
  const auto again = config.activation("hidden_activation", activation_name(spec.mlp.activation));
  if (again != spec.mlp.activation)
    config.keys.mistake("hidden_activation", "is another activation than hidden_act says");
}

void read_second(ConfigReader& config, DecoderSpec& spec) {
  ModelShape& shape = spec.shape;
  const double scalar =
      config.keys.number("query_pre_attn_scalar", 256.0, "scores are divided by its root", {0, 1e9, true});
  spec.attention_scales.assign(shape.num_layers, 1.0 / std::sqrt(scalar));
  spec.attention_softcap = read_cap(config, "attn_logit_softcapping", 50.0);
  spec.logit_softcap = read_cap(config, "final_logit_softcapping", 30.0);
  std::vector<bool> even(shape.num_layers, false);
  for (int64_t layer = 0; layer < shape.num_layers; layer += 2) even[layer] = true;
  const int64_t window = config.keys.integer("sliding_window", 4096, "tokens seen by a sliding layer", {1, 1 << 30});
  spec.windows = config.windows(shape, window, even);
  spec.names.attention_post_norm = "post_attention_layernorm";
  spec.names.mlp_norm = "pre_feedforward_layernorm";
  spec.names.mlp_post_norm = "post_feedforward_layernorm";
}

void read_gemma(ConfigReader& config, DecoderSpec& spec) {
  config.shape(spec.shape, /*head_width=*/256);
  spec.norm.epsilon = config.keys.number("rms_norm_eps", 1e-6, "added to the variance", {0, 1, true});
  spec.norm.plus_one = true;
  spec.norm.cast_first = false;
  spec.max_positions = config.keys.integer("max_position_embeddings", 8192, "longest sequence", kCount);
  read_activation(config, spec);
  spec.rotary = config.rotary(spec, {"default", "linear", "llama3"});
  spec.embedding_scale = std::sqrt(static_cast<double>(spec.shape.width));
  const bool bias = config.keys.flag("attention_bias", false, "biases of the attention");
  spec.query_key_value_bias = spec.attention_output_bias = bias;
  config.refuse("use_bidirectional_attention", "attention to tokens that follow");
  spec.windows.assign(spec.shape.num_layers, 0);
  spec.attention_scales = usual_attention_scales(spec.shape);
  if (spec.shape.architecture == "gemma2") read_second(config, spec);
}

/// The scalar whose root the scores are divided by; whole, as all known models have it, where that is what it was.
nlohmann::json pre_attention_scalar(double scale) {
  const double scalar = 1.0 / (scale * scale);
  const int64_t whole = std::llround(scalar);
  if (1.0 / std::sqrt(static_cast<double>(whole)) == scale) return whole;
  return scalar;
}

nlohmann::json write_gemma(const DecoderSpec& spec) {
  auto config = usual_fields(spec);
  config["attention_bias"] = spec.attention_output_bias;
  config["hidden_activation"] = activation_name(spec.mlp.activation);
  if (spec.shape.architecture == "gemma") {
    config["hidden_act"] = activation_name(spec.mlp.activation);
    return config;
  }
  const auto cap = [](double value) { return value > 0.0 ? nlohmann::json(value) : nlohmann::json(nullptr); };
  config["attn_logit_softcapping"] = cap(spec.attention_softcap);
  config["final_logit_softcapping"] = cap(spec.logit_softcap);
  config["query_pre_attn_scalar"] = pre_attention_scalar(spec.attention_scales.front());
  const auto window = sliding_window(spec);
  config["sliding_window"] = window.is_null() ? nlohmann::json(spec.max_positions) : window;
  config["layer_types"] = layer_types(spec);
  return config;
}

}  // namespace

const Family& gemma() {
  static const Family family = {
      {{"gemma", "GemmaForCausalLM"}, {"gemma2", "Gemma2ForCausalLM"}}, read_gemma, write_gemma, /*tied_head=*/true};
  return family;
}

}  // namespace peftlab::model::families
