// GPT-Neo: like GPT-2, but layers that see a window stand among those that see all, and scores are not divided.
#include "core/model/families/gpt_layout.h"

namespace peftlab::model::families {
namespace {

/// Adds what one entry of `attention_types`, [["global", "local"], 12], stands for. False: it is no such entry, or
/// there are more layers than `most`.
bool add_layers(const io::Json& entry, size_t most, std::vector<std::string>& types) {
  if (!entry.is_array() || entry.size() != 2 || !entry[0].is_array() || !entry[1].is_number_integer()) return false;
  const int64_t times = entry[1].get<int64_t>();
  if (times < 0 || entry[0].empty()) return false;
  for (int64_t i = 0; i < times; ++i) {
    for (const auto& type : entry[0]) {
      if (type != "global" && type != "local") return false;
      if (types.size() == most) return false;
      types.push_back(type.get<std::string>());
    }
  }
  return true;
}

std::vector<std::string> read_types(ConfigReader& config, int64_t num_layers) {
  const auto entries = config.keys.any("attention_types", "kinds of layers and how often they repeat");
  const auto usual = io::Json::parse(R"([[["global", "local"], 12]])");
  std::vector<std::string> types;
  bool good = entries.is_null() || entries.is_array();
  for (const auto& entry : entries.is_array() ? entries : usual) good = good && add_layers(entry, num_layers, types);
  if (!good || static_cast<int64_t>(types.size()) != num_layers) {
    config.keys.mistake("attention_types", "expected entries like [[\"global\", \"local\"], 12] that make " +
                                               std::to_string(num_layers) + " layers, each global or local");
    types.assign(num_layers, "global");
  }
  const auto spelt_out = config.keys.texts("attention_layers", types, "kind of each layer");
  if (spelt_out != types) config.keys.mistake("attention_layers", "does not say the same as attention_types");
  return types;
}

void read_gpt_neo(ConfigReader& config, DecoderSpec& spec) {
  ModelShape& shape = spec.shape;
  shape.width = config.keys.integer("hidden_size", std::nullopt, "model width", kCount);
  shape.num_layers = config.keys.integer("num_layers", std::nullopt, "layers", {1, 4096});
  shape.num_heads = config.keys.integer("num_heads", std::nullopt, "heads", {1, 65536});
  shape.mlp_width = config.keys.integer("intermediate_size", 4 * shape.width, "MLP width", kCount);
  shape.vocab_size = config.keys.integer("vocab_size", std::nullopt, "vocabulary", kCount);
  config.share_width(shape, "num_heads");
  spec.max_positions = config.keys.integer("max_position_embeddings", 2048, "rows of the table of positions", kCount);
  read_gpt_layout(config, spec, {"attn.attention.q_proj", "attn.attention.k_proj", "attn.attention.v_proj"},
                  "attn.attention.out_proj");
  const int64_t window = config.keys.integer("window_size", 256, "tokens seen by a local layer", {1, 1 << 30});
  for (const auto& type : read_types(config, shape.num_layers)) spec.windows.push_back(type == "local" ? window : 0);
  spec.attention_scales.assign(shape.num_layers, 1.0);
}

nlohmann::json write_gpt_neo(const DecoderSpec& spec) {
  const ModelShape& shape = spec.shape;
  int64_t window = 256;
  nlohmann::json types = nlohmann::json::array(), layers = nlohmann::json::array();
  for (int64_t own : spec.windows) {
    const char* type = own > 0 ? "local" : "global";
    if (own > 0) window = own;
    layers.push_back(type);
    types.push_back(nlohmann::json::array({nlohmann::json::array({type}), 1}));
  }
  auto config = gpt_fields(spec);
  config.update({{"attention_layers", layers},
                 {"attention_types", types},
                 {"hidden_size", shape.width},
                 {"intermediate_size", shape.mlp_width},
                 {"max_position_embeddings", spec.max_positions},
                 {"num_heads", shape.num_heads},
                 {"num_layers", shape.num_layers},
                 {"window_size", window}});
  return config;
}

}  // namespace

const Family& gpt_neo() {
  static const Family family = {{{"gpt_neo", "GPTNeoForCausalLM"}}, read_gpt_neo, write_gpt_neo, /*tied_head=*/true};
  return family;
}

}  // namespace peftlab::model::families
