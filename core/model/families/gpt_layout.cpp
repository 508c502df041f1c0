#include "core/model/families/gpt_layout.h"

namespace peftlab::model::families {

void read_gpt_layout(ConfigReader& config, DecoderSpec& spec, const std::vector<std::string>& query_key_value,
                     const std::string& attention_output) {
  ModuleNames& names = spec.names;
  names.base = "transformer";
  names.embedding = "transformer.wte";
  names.positions = "transformer.wpe";
  names.final_norm = "transformer.ln_f";
  names.layers = "transformer.h.";
  names.query_key_value = query_key_value;
  names.attention_output = attention_output;
  names.mlp_input = {"mlp.c_fc"};
  names.mlp_output = "mlp.c_proj";
  names.attention_norm = "ln_1";
  names.mlp_norm = "ln_2";
  // Buffers of old files, beside the projection: ".attn.bias".
  std::string attention = ".";
  attention += attention_output.substr(0, attention_output.rfind('.'));
  names.ignored = {attention + ".bias", attention + ".masked_bias"};
  spec.norm.kind = NormKind::layer;
  spec.norm.epsilon = config.keys.number("layer_norm_epsilon", 1e-5, "added to the variance", {0, 1, true});
  spec.mlp = {config.activation("activation_function", "gelu_new"), /*gated=*/false};
  spec.attention_output_bias = spec.mlp_bias = true;
}

nlohmann::json gpt_fields(const DecoderSpec& spec) {
  return {{"activation_function", activation_name(spec.mlp.activation)}, {"layer_norm_epsilon", spec.norm.epsilon}};
}

}  // namespace peftlab::model::families
