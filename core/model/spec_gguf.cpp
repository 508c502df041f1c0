#include <cstdio>
#include <cstdlib>

#include "core/model/spec.h"

namespace peftlab::model {
namespace {

/// A float32 of the metadata as the decimal number it was written from: 1e-05, not 9.99999974738e-06.
double decimal(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return std::strtod(text, nullptr);
}

RopeScaling read_rope(const io::GgufFile& file, const std::string& prefix) {
  RopeScaling rope;
  if (file.has(prefix + "rope.freq_base")) rope.theta = decimal(file.number(prefix + "rope.freq_base"));
  const std::string type_key = prefix + "rope.scaling.type";
  if (!file.has(type_key) || file.text(type_key) == "none") return rope;
  rope.type = file.text(type_key);
  if (rope.type != "linear") {
    throw ConfigError(file.path().string() + ": " + type_key + " is '" + rope.type + "', expected none or linear");
  }
  rope.factor = decimal(file.number(prefix + "rope.scaling.factor"));
  return rope;
}

}  // namespace

DecoderSpec spec_from_gguf(const io::GgufFile& file) {
  const std::string where = file.path().string();
  if (file.text("general.type", "model") == "adapter") {
    throw ConfigError(where + ": an adapter, not a model; give it beside its model with --adapter");
  }
  DecoderSpec spec;
  ModelShape& shape = spec.shape;
  shape.architecture = file.text("general.architecture");
  if (shape.architecture != "llama" && shape.architecture != "qwen2" && shape.architecture != "qwen3") {
    throw ConfigError(where + ": general.architecture is '" + shape.architecture + "', expected llama, qwen2 or qwen3");
  }
  const std::string prefix = shape.architecture + ".";
  shape.width = file.integer(prefix + "embedding_length");
  shape.mlp_width = file.integer(prefix + "feed_forward_length");
  shape.num_layers = file.integer(prefix + "block_count");
  shape.num_heads = file.integer(prefix + "attention.head_count");
  const std::string kv = prefix + "attention.head_count_kv";
  shape.num_kv_heads = file.has(kv) ? file.integer(kv) : shape.num_heads;
  for (int64_t count : {shape.width, shape.mlp_width, shape.num_layers, shape.num_heads, shape.num_kv_heads}) {
    if (count < 1 || count > (1 << 24)) throw ConfigError(where + ": a size of " + std::to_string(count) + " in the metadata of the model");
  }
  const std::string head = prefix + "attention.key_length";
  shape.head_width = file.has(head) ? file.integer(head) : shape.width / shape.num_heads;
  const auto* table = file.find("token_embd.weight");
  if (table == nullptr || table->shape.size() != 2) throw ConfigError(where + ": tensor token_embd.weight of two dimensions is missing");
  shape.vocab_size = table->shape[0];
  shape.tied_head = file.find("output.weight") == nullptr;
  spec.norm.epsilon = decimal(file.number(prefix + "attention.layer_norm_rms_epsilon"));
  spec.max_positions = file.integer(prefix + "context_length");
  spec.query_key_value_bias = file.find("blk.0.attn_q.bias") != nullptr;
  spec.attention_output_bias = file.find("blk.0.attn_output.bias") != nullptr;
  spec.query_key_norm = file.find("blk.0.attn_q_norm.weight") != nullptr;
  spec.windows.assign(shape.num_layers, 0);
  spec.rotary.set(shape.head_width, read_rope(file, prefix));
  spec.attention_scales = usual_attention_scales(shape);
  check_spec(spec, where);
  return spec;
}

}  // namespace peftlab::model
