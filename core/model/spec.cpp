#include "core/model/spec.h"

#include <cmath>

namespace peftlab::model {

void RotarySpec::set(int64_t rotary_width, const RopeScaling& rope) {
  width = rotary_width;
  scaling = rope;
  frequencies = rotary_frequencies(width, scaling);
  long_frequencies = long_rotary_frequencies(width, scaling);
}

std::string DecoderSpec::layer_name(int64_t layer, const std::string& module) const {
  return names.layers + std::to_string(layer) + "." + module;
}

std::vector<double> usual_attention_scales(const ModelShape& shape) {
  return std::vector<double>(shape.num_layers, 1.0 / std::sqrt(static_cast<double>(shape.head_width)));
}

void check_spec(const DecoderSpec& spec, const std::string& where) {
  const ModelShape& s = spec.shape;
  const auto refuse = [&](const std::string& cause) { throw ConfigError(where + ": " + cause); };
  if (s.num_kv_heads < 1 || s.num_heads % s.num_kv_heads != 0) {
    refuse(std::to_string(s.num_heads) + " query heads cannot share " + std::to_string(s.num_kv_heads) + " key/value heads evenly");
  }
  if (spec.rotary.width % 2 != 0 || spec.rotary.width > s.head_width) {
    refuse("rotary width " + std::to_string(spec.rotary.width) + " is not an even number up to the head width " +
           std::to_string(s.head_width));
  }
  if (static_cast<int64_t>(spec.windows.size()) != s.num_layers) refuse("the number of windows is not the number of layers");
  TORCH_CHECK(static_cast<int64_t>(spec.attention_scales.size()) == s.num_layers, where, ": ", spec.attention_scales.size(),
              " attention scales for ", s.num_layers, " layers");
}

}  // namespace peftlab::model
