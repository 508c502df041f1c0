#include "core/model/families/config_writer.h"

#include <algorithm>

namespace peftlab::model::families {
namespace {

using Plain = nlohmann::json;

/// What both spellings say of the scaling.
Plain scaling_fields(const RopeScaling& rope) {
  if (rope.type == "linear") return {{"factor", rope.factor}};
  if (rope.type == "llama3") {
    return {{"factor", rope.factor},
            {"low_freq_factor", rope.low_factor},
            {"high_freq_factor", rope.high_factor},
            {"original_max_position_embeddings", rope.original_positions}};
  }
  return {{"short_factor", rope.short_factors}, {"long_factor", rope.long_factors}};
}

void add_rotation(const DecoderSpec& spec, Plain& config) {
  const RopeScaling& rope = spec.rotary.scaling;
  Plain parameters = {{"rope_theta", rope.theta}, {"rope_type", rope.type}};
  if (rope.type != "default") {
    const Plain fields = scaling_fields(rope);
    parameters.update(fields);
    config["rope_scaling"] = fields;
    // Phi-3 in transformers 4 knows three fields by these names and no other.
    config["rope_scaling"][rope.type == "longrope" ? "type" : "rope_type"] = rope.type;
  }
  if (rope.type == "longrope") {
    parameters["attention_factor"] = rope.magnitude;
    parameters["original_max_position_embeddings"] = rope.original_positions;
    config["original_max_position_embeddings"] = rope.original_positions;
    const double stretch = static_cast<double>(spec.max_positions) / static_cast<double>(rope.original_positions);
    const bool derived = rope.magnitude == longrope_magnitude(stretch, rope.original_positions);
    if (!derived) config["rope_scaling"]["attention_factor"] = rope.magnitude;
  }
  if (spec.rotary.width != spec.shape.head_width) {
    const double part = static_cast<double>(spec.rotary.width) / static_cast<double>(spec.shape.head_width);
    config["partial_rotary_factor"] = parameters["partial_rotary_factor"] = part;
  }
  config["rope_theta"] = rope.theta;
  config["rope_parameters"] = parameters;
}

}  // namespace

Plain usual_fields(const DecoderSpec& spec) {
  const ModelShape& shape = spec.shape;
  Plain config = {{"head_dim", shape.head_width},
                  {"hidden_size", shape.width},
                  {"intermediate_size", shape.mlp_width},
                  {"max_position_embeddings", spec.max_positions},
                  {"num_attention_heads", shape.num_heads},
                  {"num_hidden_layers", shape.num_layers},
                  {"num_key_value_heads", shape.num_kv_heads},
                  {"rms_norm_eps", spec.norm.epsilon}};
  add_rotation(spec, config);
  return config;
}

Plain layer_types(const DecoderSpec& spec) {
  Plain types = Plain::array();
  for (int64_t window : spec.windows) types.push_back(window > 0 ? "sliding_attention" : "full_attention");
  return types;
}

Plain sliding_window(const DecoderSpec& spec) {
  const int64_t window = *std::max_element(spec.windows.begin(), spec.windows.end());
  return window > 0 ? Plain(window) : Plain(nullptr);
}

}  // namespace peftlab::model::families
