#include "core/check/toy_model.h"

#include <ATen/CPUGeneratorImpl.h>

#include <cmath>

#include "core/io/streams.h"

namespace peftlab::check {
namespace {

using model::DecoderSpec;

constexpr char kToyPlace[] = "a model that methods are tried on";
constexpr double kBiasSize = 0.2, kNormSpread = 0.2, kTableSize = 0.5;

const std::vector<ToyModel> kModels = {
    {"llama", "grouped query heads, a head of its own", R"({"model_type": "llama"})"},
    {"llama_tied", "the head is the embedding table", R"({"model_type": "llama", "tie_word_embeddings": true})"},
    {"llama_bias", "biases everywhere", R"({"model_type": "llama", "attention_bias": true, "mlp_bias": true})"},
    {"qwen2", "biases of queries, keys and values", R"({"model_type": "qwen2", "tie_word_embeddings": true})"},
    {"qwen3", "norms of queries and keys, heads wider than the model", R"({"model_type": "qwen3", "head_dim": 16})"},
    {"mistral", "a sliding window", R"({"model_type": "mistral", "sliding_window": 5})"},
    {"gpt2", "learned positions, layer norms, one matrix of queries, keys and values, matrices kept as (in, out)",
     R"({"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128})"},
    {"gpt_neo", "learned positions, a window in every second layer",
     R"({"model_type": "gpt_neo", "num_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]],
         "window_size": 5, "intermediate_size": 48})"},
    {"gemma", "scaled rows of the table, norms of 1 + w",
     R"({"model_type": "gemma", "head_dim": 16, "hidden_act": "gelu_pytorch_tanh", "tie_word_embeddings": true})"},
    {"gemma2", "norms after attention and MLP, capped scores and logits",
     R"({"model_type": "gemma2", "head_dim": 8, "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 16,
         "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "sliding_window": 5,
         "layer_types": ["sliding_attention", "full_attention"], "tie_word_embeddings": true})"},
    {"phi3", "one matrix of queries, keys and values, one of gate and up",
     R"({"model_type": "phi3", "original_max_position_embeddings": 256})"},
    {"glm", "rotated pairs over half of each head",
     R"({"model_type": "glm", "head_dim": 8, "attention_bias": true,
         "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}})"},
    {"glm4", "the same, and norms after attention and MLP",
     R"({"model_type": "glm4", "head_dim": 8, "attention_bias": true,
         "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}})"},
};

/// The kind's own settings over those that all share.
DecoderSpec spec_of(const ToyModel& model) {
  auto config =
      io::parse_json(R"({"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 64, "max_position_embeddings": 256, "rms_norm_eps": 1e-5})",
                     kToyPlace);
  config.value.update(io::parse_json(model.config, kToyPlace).value);
  return model::spec_from_hugging_face(config);
}

struct Matrix {
  std::string module;  // below a layer
  int64_t out, in;
};

std::vector<Matrix> matrices_of_a_layer(const DecoderSpec& spec) {
  const ModelShape& s = spec.shape;
  const auto& n = spec.names;
  const int64_t q = s.num_heads * s.head_width, kv = s.num_kv_heads * s.head_width;
  std::vector<Matrix> all;
  if (n.query_key_value.size() == 1) all.push_back({n.query_key_value[0], q + 2 * kv, s.width});
  for (size_t i = 0; i < n.query_key_value.size() && n.query_key_value.size() > 1; ++i) {
    all.push_back({n.query_key_value[i], i == 0 ? q : kv, s.width});
  }
  all.push_back({n.attention_output, s.width, q});
  const int64_t parts = spec.mlp.gated && n.mlp_input.size() == 1 ? 2 : 1;
  for (const auto& module : n.mlp_input) all.push_back({module, parts * s.mlp_width, s.width});
  all.push_back({n.mlp_output, s.width, s.mlp_width});
  return all;
}

/// The layer's matrix of a module, or nullptr.
const Matrix* matrix_of(const std::vector<Matrix>& matrices, const std::string& module) {
  for (const auto& matrix : matrices) {
    if (module.ends_with("." + matrix.module)) return &matrix;
  }
  return nullptr;
}

/// The shape of a tensor by its Hugging Face name, as a file keeps it; what is no matrix is a norm.
std::vector<int64_t> shape_of(const DecoderSpec& spec, const std::string& name) {
  const std::string module = name.substr(0, name.rfind('.'));
  const ModelShape& s = spec.shape;
  if (module == spec.names.embedding || module == spec.names.head) return {s.vocab_size, s.width};
  if (module == spec.names.positions) return {spec.max_positions, s.width};
  const auto matrices = matrices_of_a_layer(spec);
  if (const auto* matrix = matrix_of(matrices, module)) {
    if (name.ends_with(".bias")) return {matrix->out};
    return spec.fan_in_fan_out ? std::vector{matrix->in, matrix->out} : std::vector{matrix->out, matrix->in};
  }
  const bool of_heads = module.ends_with("." + spec.names.query_norm) || module.ends_with("." + spec.names.key_norm);
  return {of_heads ? s.head_width : s.width};
}

/// What values of the standard normal distribution are multiplied by to suit the tensor.
double size_of(const DecoderSpec& spec, const std::string& name, int64_t num_dimensions) {
  const std::string module = name.substr(0, name.rfind('.'));
  if (name.ends_with(".bias")) return kBiasSize;
  if (num_dimensions == 1) return kNormSpread;
  if (module == spec.names.embedding) return kTableSize / spec.embedding_scale;
  if (module == spec.names.positions) return kTableSize;
  const auto matrices = matrices_of_a_layer(spec);
  const auto* matrix = matrix_of(matrices, module);
  return 1.0 / std::sqrt(static_cast<double>(matrix != nullptr ? matrix->in : spec.shape.width));
}

class ToySource final : public model::WeightSource {
 public:
  ToySource(const ToyModel& model, uint64_t seed) : spec_(spec_of(model)), seed_(seed), path_(model.name) {}
  const DecoderSpec& spec() const override { return spec_; }
  bool has(const std::string&) const override { return true; }
  std::vector<std::string> names() const override { return {}; }
  std::string stored_type() const override { return "F32"; }
  std::string hash() const override { return path_.string(); }
  const std::filesystem::path& path() const override { return path_; }
  std::vector<int64_t> shape(const std::string& name) const override { return shape_of(spec_, name); }

  torch::Tensor read(const std::string& name, torch::ScalarType type) const override {
    const auto shape = shape_of(spec_, name);
    const auto generator = at::detail::createCPUGenerator(io::stream_seed(seed_, "toy", name));
    auto drawn = torch::empty(shape, torch::kFloat32).normal_(0.0, 1.0, generator);
    drawn.mul_(size_of(spec_, name, drawn.dim()));
    const bool gain = drawn.dim() == 1 && !name.ends_with(".bias");
    if (gain && !spec_.norm.plus_one) drawn.add_(1.0);
    return drawn.to(type);
  }

 private:
  DecoderSpec spec_;
  uint64_t seed_;
  std::filesystem::path path_;
};

class MemorySource final : public model::WeightSource {
 public:
  MemorySource(const DecoderSpec& spec, Tensors tensors) : spec_(spec), tensors_(std::move(tensors)) {}
  const DecoderSpec& spec() const override { return spec_; }
  bool has(const std::string& name) const override { return tensors_.contains(name); }
  torch::Tensor read(const std::string& name, torch::ScalarType type) const override {
    return tensors_.at(name).to(torch::kCPU, type, /*non_blocking=*/false, /*copy=*/true);
  }
  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : tensors_) names.push_back(name);
    return names;
  }
  std::string stored_type() const override { return "F32"; }
  std::string hash() const override { return ""; }
  const std::filesystem::path& path() const override { return path_; }

 private:
  DecoderSpec spec_;
  Tensors tensors_;
  std::filesystem::path path_{"a model in memory"};
};

}  // namespace

const std::vector<ToyModel>& toy_models() { return kModels; }

const ToyModel& toy_model(const std::string& name) {
  std::string names;
  for (const auto& model : kModels) {
    if (name == model.name) return model;
    names += (names.empty() ? "" : ", ") + std::string(model.name);
  }
  throw ConfigError("'" + name + "' is no architecture kind that methods are tried on; there are " + names);
}

std::unique_ptr<model::WeightSource> toy_source(const ToyModel& model, uint64_t seed) {
  return std::make_unique<ToySource>(model, seed);
}

std::unique_ptr<model::WeightSource> memory_source(const DecoderSpec& spec, Tensors tensors) {
  return std::make_unique<MemorySource>(spec, std::move(tensors));
}

}  // namespace peftlab::check
