// GLM-4 and GLM-4-0414: adjacent pairs of one half of each head are rotated; the latter normalises what a block adds.
#include "core/model/families/config_writer.h"
#include "core/model/families/family.h"

namespace peftlab::model::families {
namespace {

void read_glm(ConfigReader& config, DecoderSpec& spec) {
  ModelShape& shape = spec.shape;
  config.shape(shape, /*head_width=*/128);
  spec.norm.epsilon = config.keys.number("rms_norm_eps", 1.5625e-07, "added to the variance", {0, 1, true});
  spec.max_positions = config.keys.integer("max_position_embeddings", 131072, "longest sequence", kCount);
  spec.mlp.activation = config.activation("hidden_act", "silu");
  spec.rotary = config.rotary(spec, {"default", "linear", "llama3"}, /*fraction=*/0.5);
  spec.rotary.pairs = true;
  spec.query_key_value_bias = config.keys.flag("attention_bias", true, "biases of queries, keys and values");
  spec.windows.assign(shape.num_layers, 0);
  spec.attention_scales = usual_attention_scales(shape);
  spec.names.mlp_input = {"mlp.gate_up_proj"};
  if (shape.architecture == "glm4") {
    spec.names.attention_post_norm = "post_self_attn_layernorm";
    spec.names.mlp_post_norm = "post_mlp_layernorm";
  }
}

nlohmann::json write_glm(const DecoderSpec& spec) {
  auto config = usual_fields(spec);
  config["attention_bias"] = spec.query_key_value_bias;
  config["hidden_act"] = activation_name(spec.mlp.activation);
  const double part = static_cast<double>(spec.rotary.width) / static_cast<double>(spec.shape.head_width);
  config["partial_rotary_factor"] = config["rope_parameters"]["partial_rotary_factor"] = part;
  config["pad_token_id"] = nullptr;  // the default lies outside a small vocabulary
  return config;
}

}  // namespace

const Family& glm() {
  static const Family family = {
      {{"glm", "GlmForCausalLM"}, {"glm4", "Glm4ForCausalLM"}}, read_glm, write_glm, /*tied_head=*/false};
  return family;
}

}  // namespace peftlab::model::families
