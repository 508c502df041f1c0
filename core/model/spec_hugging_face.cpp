#include <algorithm>
#include <cmath>
#include <map>

#include "core/io/object_reader.h"
#include "core/model/spec.h"

namespace peftlab::model {
namespace {

using io::ObjectReader;

constexpr io::Range kCount{1, 1 << 24};

/// The rope settings of transformers 5 (`rope_parameters`) or 4 (`rope_theta`, `rope_scaling`).
RopeScaling read_rope(const io::Document& config, ObjectReader& reader, io::Mistakes& mistakes) {
  RopeScaling rope;
  const bool v5 = reader.has("rope_parameters");
  const char* key = v5 ? "rope_parameters" : "rope_scaling";
  if (!v5) rope.theta = reader.number("rope_theta", 10000.0, "base of the rotary frequencies", {0, 1e12, true});
  if (!reader.has(key)) return rope;
  ObjectReader inner(config, std::string("/") + key, mistakes);
  if (v5) rope.theta = inner.number("rope_theta", 10000.0, "base of the rotary frequencies", {0, 1e12, true});
  const char* type_key = inner.has("rope_type") ? "rope_type" : "type";
  rope.type = inner.choice(type_key, "default", {"default", "linear", "llama3"}, "scaling of the rotary frequencies");
  rope.factor = inner.number("factor", 1.0, "scaling factor", {0, 1e6, true});
  rope.low_factor = inner.number("low_freq_factor", 1.0, "llama3 scaling", {0, 1e6, true});
  rope.high_factor = inner.number("high_freq_factor", 4.0, "llama3 scaling", {0, 1e6, true});
  rope.original_positions = inner.integer("original_max_position_embeddings", 8192, "llama3 scaling", kCount);
  return rope;
}

void read_shape(ObjectReader& reader, ModelShape& shape) {
  shape.width = reader.integer("hidden_size", std::nullopt, "model width", kCount);
  shape.mlp_width = reader.integer("intermediate_size", std::nullopt, "MLP width", kCount);
  shape.num_layers = reader.integer("num_hidden_layers", std::nullopt, "layers", {1, 4096});
  shape.num_heads = reader.integer("num_attention_heads", std::nullopt, "query heads", {1, 65536});
  shape.num_kv_heads = reader.integer("num_key_value_heads", shape.num_heads, "key/value heads", {1, 65536});
  const int64_t even_share = shape.num_heads > 0 ? std::max<int64_t>(shape.width / shape.num_heads, 1) : 1;
  shape.head_width = reader.integer("head_dim", even_share, "head width", {1, 65536});
  shape.vocab_size = reader.integer("vocab_size", std::nullopt, "vocabulary", kCount);
}

/// Per layer 0 or the sliding window. Mistral slides everywhere; Qwen only where `layer_types` or `max_window_layers` say so.
std::vector<int64_t> read_windows(ObjectReader& reader, const ModelShape& shape) {
  std::vector<int64_t> windows(shape.num_layers, 0);
  const int64_t window = reader.integer("sliding_window", 0, "tokens seen by a sliding layer", {0, 1 << 30});
  const bool qwen = shape.architecture == "qwen2" || shape.architecture == "qwen3";
  if (window == 0 || shape.architecture == "llama") return windows;
  if (qwen && !reader.flag("use_sliding_window", false, "whether layers slide")) return windows;
  const int64_t first = qwen ? reader.integer("max_window_layers", 28, "first sliding layer", {0, 1 << 20}) : 0;
  const auto types = reader.texts("layer_types", std::vector<std::string>{}, "kind of each layer");
  if (!types.empty() && static_cast<int64_t>(types.size()) != shape.num_layers) {
    reader.mistake("layer_types", "has " + std::to_string(types.size()) + " entries, expected one for each of the " +
                                      std::to_string(shape.num_layers) + " layers");
    return windows;
  }
  for (int64_t layer = 0; layer < shape.num_layers; ++layer) {
    const bool slides = types.empty() ? layer >= first : types[layer] == "sliding_attention";
    windows[layer] = slides ? window : 0;
  }
  return windows;
}

}  // namespace

DecoderSpec spec_from_hugging_face(const io::Document& config) {
  io::Mistakes mistakes;
  ObjectReader reader(config, "", mistakes);
  DecoderSpec spec;
  ModelShape& shape = spec.shape;
  shape.architecture = reader.choice("model_type", std::nullopt, {"llama", "mistral", "qwen2", "qwen3"}, "architecture");
  mistakes.throw_if_any();
  read_shape(reader, shape);
  shape.tied_head = reader.flag("tie_word_embeddings", false, "whether the head is the embedding table");
  spec.norm.epsilon = reader.number("rms_norm_eps", 1e-6, "added to the variance", {0, 1, true});
  spec.max_positions = reader.integer("max_position_embeddings", 2048, "longest sequence", kCount);
  reader.choice("hidden_act", "silu", {"silu"}, "activation of the MLP");
  const RopeScaling rope = read_rope(config, reader, mistakes);
  const bool bias = reader.flag("attention_bias", false, "biases of the attention");
  spec.query_key_value_bias = bias || shape.architecture == "qwen2";
  spec.attention_output_bias = bias && shape.architecture != "qwen2";
  spec.mlp_bias = reader.flag("mlp_bias", false, "biases of the MLP");
  spec.query_key_norm = shape.architecture == "qwen3";
  mistakes.throw_if_any();
  spec.windows = read_windows(reader, shape);
  mistakes.throw_if_any();
  spec.rotary.width = shape.head_width;
  spec.rotary.scaling = rope;
  spec.rotary.frequencies = rotary_frequencies(shape.head_width, rope);
  spec.attention_scale = 1.0 / std::sqrt(static_cast<double>(shape.head_width));
  check_spec(spec, config.where(""));
  return spec;
}

io::Json hugging_face_config(const DecoderSpec& spec, const std::string& dtype) {
  static const std::map<std::string, std::string> classes = {{"llama", "LlamaForCausalLM"},
                                                             {"mistral", "MistralForCausalLM"},
                                                             {"qwen2", "Qwen2ForCausalLM"},
                                                             {"qwen3", "Qwen3ForCausalLM"}};
  const ModelShape& shape = spec.shape;
  io::Json config = {{"architectures", {classes.at(shape.architecture)}},
                     {"attention_bias", spec.attention_output_bias},
                     {"dtype", dtype},
                     {"head_dim", shape.head_width},
                     {"hidden_act", "silu"},
                     {"hidden_size", shape.width},
                     {"intermediate_size", shape.mlp_width},
                     {"max_position_embeddings", spec.max_positions},
                     {"mlp_bias", spec.mlp_bias},
                     {"model_type", shape.architecture},
                     {"num_attention_heads", shape.num_heads},
                     {"num_hidden_layers", shape.num_layers},
                     {"num_key_value_heads", shape.num_kv_heads},
                     {"rms_norm_eps", spec.norm.epsilon},
                     {"tie_word_embeddings", shape.tied_head},
                     {"torch_dtype", dtype},
                     {"vocab_size", shape.vocab_size}};
  const RopeScaling& rope = spec.rotary.scaling;
  config["rope_theta"] = rope.theta;
  io::Json parameters = {{"rope_theta", rope.theta}, {"rope_type", rope.type}};
  if (rope.type != "default") {
    parameters["factor"] = rope.factor;
    if (rope.type == "llama3") {
      parameters["low_freq_factor"] = rope.low_factor;
      parameters["high_freq_factor"] = rope.high_factor;
      parameters["original_max_position_embeddings"] = rope.original_positions;
    }
    config["rope_scaling"] = parameters;
    config["rope_scaling"].erase("rope_theta");
  }
  config["rope_parameters"] = parameters;
  const int64_t window = *std::max_element(spec.windows.begin(), spec.windows.end());
  if (shape.architecture != "llama") config["sliding_window"] = window > 0 ? io::Json(window) : io::Json(nullptr);
  if (shape.architecture == "qwen2" || shape.architecture == "qwen3") {
    config["use_sliding_window"] = window > 0;
    io::Json types = io::Json::array();
    for (int64_t w : spec.windows) types.push_back(w > 0 ? "sliding_attention" : "full_attention");
    config["layer_types"] = types;
  }
  return config;
}

}  // namespace peftlab::model
