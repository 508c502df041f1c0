// GPT-2: learned positions, layer norms, matrices kept as (in, out), one for queries, keys and values.
#include "core/model/families/family.h"

namespace peftlab::model::families {
namespace {

ModuleNames names() {
  ModuleNames names;
  names.base = "transformer";
  names.embedding = "transformer.wte";
  names.positions = "transformer.wpe";
  names.final_norm = "transformer.ln_f";
  names.layers = "transformer.h.";
  names.query_key_value = {"attn.c_attn"};
  names.attention_output = "attn.c_proj";
  names.mlp_input = {"mlp.c_fc"};
  names.mlp_output = "mlp.c_proj";
  names.attention_norm = "ln_1";
  names.mlp_norm = "ln_2";
  names.ignored = {".attn.bias", ".attn.masked_bias"};
  return names;
}

std::vector<double> read_scales(ConfigReader& config, const ModelShape& shape) {
  auto scales = usual_attention_scales(shape);
  if (!config.keys.flag("scale_attn_weights", true, "divide scores by the root of the head width"))
    scales.assign(scales.size(), 1.0);
  if (config.keys.flag("scale_attn_by_inverse_layer_idx", false, "divide scores by the number of the layer")) {
    for (size_t layer = 0; layer < scales.size(); ++layer) scales[layer] /= static_cast<double>(layer + 1);
  }
  return scales;
}

void read(ConfigReader& config, DecoderSpec& spec) {
  ModelShape& shape = spec.shape;
  shape.width = config.keys.integer("n_embd", std::nullopt, "model width", kCount);
  shape.num_layers = config.keys.integer("n_layer", std::nullopt, "layers", {1, 4096});
  shape.num_heads = config.keys.integer("n_head", std::nullopt, "heads", {1, 65536});
  shape.mlp_width = config.keys.integer("n_inner", 4 * shape.width, "MLP width", kCount);
  shape.vocab_size = config.keys.integer("vocab_size", std::nullopt, "vocabulary", kCount);
  config.share_width(shape, "n_head");
  spec.max_positions = config.keys.integer("n_positions", 1024, "rows of the table of positions", kCount);
  spec.norm.kind = NormKind::layer;
  spec.norm.epsilon = config.keys.number("layer_norm_epsilon", 1e-5, "added to the variance", {0, 1, true});
  spec.mlp = {config.activation("activation_function", "gelu_new"), /*gated=*/false};
  config.refuse("add_cross_attention", "attention to the output of an encoder");
  spec.attention_scales = read_scales(config, shape);
  spec.windows.assign(shape.num_layers, 0);
  spec.query_key_value_bias = spec.attention_output_bias = spec.mlp_bias = true;
  spec.fan_in_fan_out = true;
  spec.names = names();
}

nlohmann::json write(const DecoderSpec& spec) {
  const ModelShape& shape = spec.shape;
  const auto& scales = spec.attention_scales;
  return {{"activation_function", activation_name(spec.mlp.activation)},
          {"layer_norm_epsilon", spec.norm.epsilon},
          {"n_embd", shape.width},
          {"n_head", shape.num_heads},
          {"n_inner", shape.mlp_width},
          {"n_layer", shape.num_layers},
          {"n_positions", spec.max_positions},
          {"scale_attn_by_inverse_layer_idx", scales.back() != scales.front()},
          {"scale_attn_weights", scales.front() == usual_attention_scales(shape).front()}};
}

}  // namespace

const Family& gpt2() {
  static const Family family = {{{"gpt2", "GPT2LMHeadModel"}}, read, write, /*tied_head=*/true};
  return family;
}

}  // namespace peftlab::model::families
