// Phi-3 and 3.5: one matrix for queries, keys and values, one for gate and up; long texts by longrope.
#include "core/model/families/config_writer.h"
#include "core/model/families/family.h"

namespace peftlab::model::families {
namespace {

void read_phi3(ConfigReader& config, DecoderSpec& spec) {
  ModelShape& shape = spec.shape;
  config.shape(shape);
  spec.norm.epsilon = config.keys.number("rms_norm_eps", 1e-5, "added to the variance", {0, 1, true});
  spec.max_positions = config.keys.integer("max_position_embeddings", 4096, "longest sequence", kCount);
  spec.mlp.activation = config.activation("hidden_act", "silu");
  spec.rotary = config.rotary(spec, {"default", "longrope", "su"}, /*fraction=*/1.0);
  const int64_t window = config.keys.integer("sliding_window", 0, "tokens seen by each layer; null: all", {0, 1 << 30});
  spec.windows.assign(shape.num_layers, window);
  spec.attention_scales = usual_attention_scales(shape);
  spec.names.query_key_value = {"self_attn.qkv_proj"};
  spec.names.mlp_input = {"mlp.gate_up_proj"};
}

nlohmann::json write_phi3(const DecoderSpec& spec) {
  auto config = usual_fields(spec);
  config["hidden_act"] = activation_name(spec.mlp.activation);
  config["sliding_window"] = sliding_window(spec);
  // transformers takes the end of the text for padding otherwise, whose default lies outside a small vocabulary.
  config["pad_token_id"] = nullptr;
  return config;
}

}  // namespace

const Family& phi3() {
  static const Family family = {{{"phi3", "Phi3ForCausalLM"}}, read_phi3, write_phi3, /*tied_head=*/false};
  return family;
}

}  // namespace peftlab::model::families
