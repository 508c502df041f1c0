#include "core/model/families/config_reader.h"

#include <algorithm>
#include <cmath>

namespace peftlab::model::families {

bool ConfigReader::says_null(const std::string& key) const {
  const auto& value = document_.value;
  return value.is_object() && value.contains(key) && value.at(key).is_null();
}

void ConfigReader::refuse(const std::string& flag, const std::string& meaning) {
  if (keys.flag(flag, false, meaning)) keys.mistake(flag, "expected false: " + meaning + " is not supported");
}

void ConfigReader::shape(ModelShape& shape, int64_t head_width) {
  shape.width = keys.integer("hidden_size", std::nullopt, "model width", kCount);
  shape.mlp_width = keys.integer("intermediate_size", std::nullopt, "MLP width", kCount);
  shape.num_layers = keys.integer("num_hidden_layers", std::nullopt, "layers", {1, 4096});
  shape.num_heads = keys.integer("num_attention_heads", std::nullopt, "query heads", {1, 65536});
  shape.num_kv_heads = keys.integer("num_key_value_heads", shape.num_heads, "key/value heads", {1, 65536});
  const int64_t even_share = shape.num_heads > 0 ? std::max<int64_t>(shape.width / shape.num_heads, 1) : 1;
  shape.head_width = keys.integer("head_dim", head_width > 0 ? head_width : even_share, "head width", {1, 65536});
  shape.vocab_size = keys.integer("vocab_size", std::nullopt, "vocabulary", kCount);
}

void ConfigReader::share_width(ModelShape& shape, const std::string& heads_key) {
  shape.num_kv_heads = shape.num_heads;
  if (shape.num_heads < 1) return;  // told already
  if (shape.width % shape.num_heads != 0) {
    keys.mistake(heads_key, std::to_string(shape.num_heads) + " heads cannot share a width of " +
                                std::to_string(shape.width) + " evenly");
  } else {
    shape.head_width = shape.width / shape.num_heads;
  }
}

kernels::Activation ConfigReader::activation(const std::string& key, const std::string& fallback) {
  const auto name = keys.choice(key, fallback, {"silu", "swish", "gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh"},
                                "activation of the MLP");
  if (name == "silu" || name == "swish") return kernels::Activation::kSilu;
  return name == "gelu" ? kernels::Activation::kGelu : kernels::Activation::kGeluTanh;
}

const char* activation_name(kernels::Activation activation) {
  switch (activation) {
    case kernels::Activation::kSilu:
      return "silu";
    case kernels::Activation::kGelu:
      return "gelu";
    case kernels::Activation::kGeluTanh:
      return "gelu_pytorch_tanh";
  }
  return "";
}

std::vector<int64_t> ConfigReader::windows(const ModelShape& shape, int64_t window, const std::vector<bool>& slides) {
  std::vector<int64_t> windows(shape.num_layers, 0);
  const auto types = keys.texts("layer_types", std::vector<std::string>{}, "kind of each layer");
  if (!types.empty() && static_cast<int64_t>(types.size()) != shape.num_layers) {
    keys.mistake("layer_types", "has " + std::to_string(types.size()) + " entries, expected one for each of the " +
                                    std::to_string(shape.num_layers) + " layers");
    return windows;
  }
  for (size_t layer = 0; layer < windows.size(); ++layer) {
    if (!types.empty() && types[layer] != "sliding_attention" && types[layer] != "full_attention") {
      keys.mistake("layer_types", "layer " + std::to_string(layer) + " is '" + types[layer] +
                                      "', expected full_attention or sliding_attention");
      return windows;
    }
    if (types.empty() ? slides[layer] : types[layer] == "sliding_attention") windows[layer] = window;
  }
  return windows;
}

RopeScaling ConfigReader::linear_or_llama3(io::ObjectReader& rope, int64_t max_positions) {
  RopeScaling scaling;
  scaling.factor = rope.number("factor", 1.0, "scaling factor", {0, 1e6, true});
  scaling.low_factor = rope.number("low_freq_factor", 1.0, "llama3 scaling", {0, 1e6, true});
  scaling.high_factor = rope.number("high_freq_factor", 4.0, "llama3 scaling", {0, 1e6, true});
  const int64_t nested =
      rope.integer("original_max_position_embeddings", max_positions, "length in pretraining", kCount);
  // Where both are there, transformers takes the one outside.
  scaling.original_positions =
      keys.integer("original_max_position_embeddings", nested, "length in pretraining", kCount);
  return scaling;
}

std::vector<double> ConfigReader::factors(io::ObjectReader& rope, const std::string& key, int64_t count) {
  const io::Json list = rope.any(key, "divisors of the rotary frequencies");
  std::vector<double> values;
  if (list.is_array()) {
    for (const auto& one : list) {
      const double value = one.is_number() ? one.get<double>() : 0.0;
      if (std::isfinite(value) && value > 0.0) values.push_back(value);
    }
  }
  if (!list.is_array() || static_cast<int64_t>(values.size()) != count || values.size() != list.size()) {
    rope.mistake(
        key, "expected a list of " + std::to_string(count) + " numbers above 0, one for each pair of rotated elements");
    values.assign(count, 1.0);
  }
  return values;
}

void ConfigReader::read_longrope(io::ObjectReader& rope, const DecoderSpec& spec, int64_t rotary_width,
                                 RopeScaling& scaling) {
  scaling.short_factors = factors(rope, "short_factor", rotary_width / 2);
  scaling.long_factors = factors(rope, "long_factor", rotary_width / 2);
  const double original = static_cast<double>(scaling.original_positions);
  if (scaling.original_positions < 2)
    keys.mistake("original_max_position_embeddings", "expected at least 2 for longrope");
  const double stretch =
      rope.number("factor", static_cast<double>(spec.max_positions) / original, "scaling factor", {0, 1e6, true});
  scaling.magnitude = rope.number("attention_factor", longrope_magnitude(stretch, scaling.original_positions),
                                  "factor of cos and sin", {0, 1e6, true});
}

RotarySpec ConfigReader::rotary(const DecoderSpec& spec, std::vector<std::string> types,
                                std::optional<double> fraction) {
  const bool v5 = keys.has("rope_parameters");
  const double theta = keys.number("rope_theta", 10000.0, "base of the rotary frequencies", {0, 1e12, true});
  const double outside =
      keys.number("partial_rotary_factor", fraction.value_or(1.0), "part of each head that is rotated", {0, 1, true});
  auto rope = keys.object(v5 ? "rope_parameters" : "rope_scaling", "rotation");
  const double part = rope.number("partial_rotary_factor", outside, "part of each head that is rotated", {0, 1, true});
  if (!fraction && part != 1.0)
    keys.mistake("partial_rotary_factor", "expected 1: the architecture rotates whole heads");
  const std::string type = rope.choice(rope.has("rope_type") ? "rope_type" : "type", "default", std::move(types),
                                       "scaling of the rotary frequencies");
  RotarySpec rotary;
  const int64_t width = static_cast<int64_t>(static_cast<double>(spec.shape.head_width) * part);
  RopeScaling scaling = linear_or_llama3(rope, spec.max_positions);
  scaling.theta = rope.number("rope_theta", theta, "base of the rotary frequencies", {0, 1e12, true});
  scaling.type = type == "su" ? "longrope" : type;
  if (scaling.type == "longrope") read_longrope(rope, spec, width, scaling);
  rotary.set(width, scaling);
  return rotary;
}

}  // namespace peftlab::model::families
