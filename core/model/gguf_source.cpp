#include "core/model/gguf_source.h"

#include "core/io/sha256.h"
#include "core/quant/ggml_blocks.h"

namespace peftlab::model {
namespace {

/// Names inside "blk.<i>." and the module they stand for, given the family's names.
std::map<std::string, std::string> block_modules(const ModuleNames& n) {
  return {{"attn_norm", n.attention_norm},         {"ffn_norm", n.mlp_norm},
          {"attn_q", n.query_key_value[0]},        {"attn_k", n.query_key_value[1]},
          {"attn_v", n.query_key_value[2]},        {"attn_output", n.attention_output},
          {"attn_q_norm", n.query_norm},           {"attn_k_norm", n.key_norm},
          {"ffn_gate", n.mlp_input[0]},            {"ffn_up", n.mlp_input[1]},
          {"ffn_down", n.mlp_output}};
}

/// The Hugging Face name of "blk.3.attn_q.weight"; unknown names stay as they are and are refused with the unexpected ones.
std::string hugging_face_name(const std::string& name, const DecoderSpec& spec) {
  const std::string kind = name.substr(name.rfind('.') + 1);
  const std::string stem = name.substr(0, name.rfind('.'));
  if (stem == "token_embd") return spec.names.embedding + "." + kind;
  if (stem == "output_norm") return spec.names.final_norm + "." + kind;
  if (stem == "output") return spec.names.head + "." + kind;
  if (!stem.starts_with("blk.")) return name;
  const size_t dot = stem.find('.', 4);
  if (dot == std::string::npos) return name;
  static const auto modules = block_modules(ModuleNames{});
  const auto module = modules.find(stem.substr(dot + 1));
  if (module == modules.end()) return name;
  return spec.names.layers + stem.substr(4, dot - 4) + "." + module->second + "." + kind;
}

/// llama.cpp keeps the two halves of a rotated head interleaved, (2i, 2i+1) for Hugging Face's (i, i + D/2).
torch::Tensor halves(const torch::Tensor& rows, int64_t num_heads) {
  auto shape = rows.sizes().vec();
  std::vector<int64_t> split = {num_heads, rows.size(0) / num_heads / 2, 2};
  split.insert(split.end(), shape.begin() + 1, shape.end());
  return rows.view(split).transpose(1, 2).reshape(shape);
}

}  // namespace

GgufSource::GgufSource(const std::filesystem::path& path) : file_(path), spec_(spec_from_gguf(file_)) {
  for (const auto& tensor : file_.tensors()) {
    if (tensor.name == "rope_freqs.weight") {
      throw ConfigError(path.string() + ": tensor rope_freqs.weight scales the rotation (Llama 3.1), which is read from Hugging "
                        "Face folders only; give the model as one");
    }
    tensors_[hugging_face_name(tensor.name, spec_)] = &tensor;
  }
}

torch::Tensor GgufSource::read(const std::string& name, torch::ScalarType type) const {
  const auto at = tensors_.find(name);
  if (at == tensors_.end()) throw ConfigError(file_.path().string() + ": tensor " + name + " is missing");
  const io::GgufTensor& tensor = *at->second;
  auto values = torch::empty(tensor.shape, torch::kFloat32);
  quant::dequantize(tensor.type, tensor.data, tensor.num_elements(), values.data_ptr<float>());
  const bool query = tensor.name.find(".attn_q.") != std::string::npos;
  const bool key = tensor.name.find(".attn_k.") != std::string::npos;
  if (spec_.shape.architecture == "llama" && (query || key)) {
    values = halves(values, query ? spec_.shape.num_heads : spec_.shape.num_kv_heads);
  }
  return values.to(type);
}

std::vector<std::string> GgufSource::names() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_) names.push_back(name);
  return names;
}

std::string GgufSource::stored_type() const {
  const auto* tensor = file_.find("blk.0.attn_q.weight");
  return tensor != nullptr ? io::name(tensor->type) : "?";
}

std::string GgufSource::hash() const { return io::sha256_file(file_.path()); }

}  // namespace peftlab::model
