// GPT-2: learned positions, layer norms, matrices kept as (in, out), one for queries, keys and values.
#include "core/model/families/gpt_layout.h"

namespace peftlab::model::families {
namespace {

std::vector<double> read_scales(ConfigReader& config, const ModelShape& shape) {
  auto scales = usual_attention_scales(shape);
  if (!config.keys.flag("scale_attn_weights", true, "divide scores by the root of the head width"))
    scales.assign(scales.size(), 1.0);
  if (config.keys.flag("scale_attn_by_inverse_layer_idx", false, "divide scores by the number of the layer")) {
    for (size_t layer = 0; layer < scales.size(); ++layer) scales[layer] /= static_cast<double>(layer + 1);
  }
  return scales;
}

void read_gpt2(ConfigReader& config, DecoderSpec& spec) {
  ModelShape& shape = spec.shape;
  shape.width = config.keys.integer("n_embd", std::nullopt, "model width", kCount);
  shape.num_layers = config.keys.integer("n_layer", std::nullopt, "layers", {1, 4096});
  shape.num_heads = config.keys.integer("n_head", std::nullopt, "heads", {1, 65536});
  shape.mlp_width = config.keys.integer("n_inner", 4 * shape.width, "MLP width", kCount);
  shape.vocab_size = config.keys.integer("vocab_size", std::nullopt, "vocabulary", kCount);
  config.share_width(shape, "n_head");
  spec.max_positions = config.keys.integer("n_positions", 1024, "rows of the table of positions", kCount);
  read_gpt_layout(config, spec, {"attn.c_attn"}, "attn.c_proj");
  config.refuse("add_cross_attention", "attention to the output of an encoder");
  spec.attention_scales = read_scales(config, shape);
  spec.windows.assign(shape.num_layers, 0);
  spec.query_key_value_bias = true;
  spec.fan_in_fan_out = true;
}

nlohmann::json write_gpt2(const DecoderSpec& spec) {
  const ModelShape& shape = spec.shape;
  const auto& scales = spec.attention_scales;
  auto config = gpt_fields(spec);
  config.update({{"n_embd", shape.width},
                 {"n_head", shape.num_heads},
                 {"n_inner", shape.mlp_width},
                 {"n_layer", shape.num_layers},
                 {"n_positions", spec.max_positions},
                 {"scale_attn_by_inverse_layer_idx", scales.back() != scales.front()},
                 {"scale_attn_weights", scales.front() == usual_attention_scales(shape).front()}});
  return config;
}

}  // namespace

const Family& gpt2() {
  static const Family family = {{{"gpt2", "GPT2LMHeadModel"}}, read_gpt2, write_gpt2, /*tied_head=*/true};
  return family;
}

}  // namespace peftlab::model::families
