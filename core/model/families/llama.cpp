// Llama and the models that are built like it.
#include "core/model/families/config_writer.h"
#include "core/model/families/family.h"

namespace peftlab::model::families {
namespace {

bool is_qwen(const ModelShape& shape) { return shape.architecture == "qwen2" || shape.architecture == "qwen3"; }

/// Per layer 0 or the sliding window. Mistral slides everywhere; Qwen only where `layer_types` or `max_window_layers`
/// say so.
std::vector<int64_t> read_windows(ConfigReader& config, const ModelShape& shape) {
  std::vector<int64_t> none(shape.num_layers, 0);
  const bool qwen = is_qwen(shape);
  const int64_t window =
      config.says_null("sliding_window")
          ? 0
          : config.keys.integer("sliding_window", 4096, "tokens seen by a sliding layer", {0, 1 << 30});
  if (window == 0 || shape.architecture == "llama") return none;
  if (qwen && !config.keys.flag("use_sliding_window", false, "whether layers slide")) return none;
  const int64_t first = qwen ? config.keys.integer("max_window_layers", 28, "first sliding layer", {0, 1 << 20}) : 0;
  std::vector<bool> slides(shape.num_layers, false);
  for (int64_t layer = first; layer < shape.num_layers; ++layer) slides[layer] = true;
  return config.windows(shape, window, slides);
}

void read_llama(ConfigReader& config, DecoderSpec& spec) {
  ModelShape& shape = spec.shape;
  config.shape(shape, /*head_width=*/shape.architecture == "qwen3" ? 128 : 0);
  spec.norm.epsilon = config.keys.number("rms_norm_eps", 1e-6, "added to the variance", {0, 1, true});
  spec.max_positions = config.keys.integer("max_position_embeddings", 2048, "longest sequence", kCount);
  spec.mlp.activation = config.activation("hidden_act", "silu");
  spec.rotary = config.rotary(spec, {"default", "linear", "llama3"});
  const bool bias = config.keys.flag("attention_bias", false, "biases of the attention");
  spec.query_key_value_bias = bias || shape.architecture == "qwen2";
  spec.attention_output_bias = bias && shape.architecture != "qwen2";
  spec.mlp_bias = config.keys.flag("mlp_bias", false, "biases of the MLP");
  spec.query_key_norm = shape.architecture == "qwen3";
  spec.windows = read_windows(config, shape);
  spec.attention_scales = usual_attention_scales(shape);
}

nlohmann::json write_llama(const DecoderSpec& spec) {
  const ModelShape& shape = spec.shape;
  auto config = usual_fields(spec);
  config["attention_bias"] = spec.attention_output_bias;
  config["mlp_bias"] = spec.mlp_bias;
  config["hidden_act"] = activation_name(spec.mlp.activation);
  if (shape.architecture != "llama") config["sliding_window"] = sliding_window(spec);
  if (is_qwen(shape)) {
    config["use_sliding_window"] = !config["sliding_window"].is_null();
    config["layer_types"] = layer_types(spec);
  }
  return config;
}

}  // namespace

const Family& llama() {
  static const Family family = {{{"llama", "LlamaForCausalLM"},
                                 {"mistral", "MistralForCausalLM"},
                                 {"qwen2", "Qwen2ForCausalLM"},
                                 {"qwen3", "Qwen3ForCausalLM"}},
                                read_llama,
                                write_llama,
                                /*tied_head=*/false};
  return family;
}

}  // namespace peftlab::model::families
