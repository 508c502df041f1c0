#include "core/model/export/export.h"

#include <map>

#include "core/io/folder_writer.h"
#include "core/io/safetensors.h"
#include "core/model/export/export_tokenizer.h"
#include "core/model/weights.h"

namespace peftlab::model {
namespace {

namespace fs = std::filesystem;

struct ExportType {
  torch::ScalarType tensor;
  io::Dtype file;
  const char* name;  // in config.json
};

const ExportType& described(torch::ScalarType type) {
  static const ExportType types[] = {{torch::kBFloat16, io::Dtype::kBF16, "bfloat16"},
                                     {torch::kFloat16, io::Dtype::kF16, "float16"},
                                     {torch::kFloat32, io::Dtype::kF32, "float32"},
                                     {torch::kUInt8, io::Dtype::kU8, "uint8"}};
  for (const auto& known : types) {
    if (known.tensor == type) return known;
  }
  TORCH_CHECK(false, "a model is not written in ", type);
}

/// Whether config.json, read again, means the same model.
bool same_meaning(const DecoderSpec& a, const DecoderSpec& b) {
  const auto sizes = [](const DecoderSpec& s) {
    const ModelShape& shape = s.shape;
    return std::vector<int64_t>{shape.num_layers, shape.num_heads, shape.num_kv_heads, shape.head_width, shape.width, shape.mlp_width,
                                shape.vocab_size, shape.tied_head, s.rotary.width, s.max_positions};
  };
  const auto flags = [](const DecoderSpec& s) {
    return std::vector<bool>{s.query_key_norm, s.query_key_value_bias, s.attention_output_bias, s.mlp_bias,
                             s.norm.kind == NormKind::rms, s.norm.plus_one, s.norm.cast_first, s.rotary.pairs, s.fan_in_fan_out,
                             s.mlp.gated};
  };
  const auto numbers = [](const DecoderSpec& s) {
    auto all = s.attention_scales;
    all.insert(all.end(), {s.norm.epsilon, s.embedding_scale, s.attention_softcap, s.logit_softcap, s.rotary.scaling.magnitude});
    if (!s.rotary.long_frequencies.empty()) all.push_back(static_cast<double>(s.rotary.scaling.original_positions));
    return all;
  };
  return sizes(a) == sizes(b) && flags(a) == flags(b) && numbers(a) == numbers(b) && a.windows == b.windows &&
         a.mlp.activation == b.mlp.activation && a.rotary.frequencies == b.rotary.frequencies &&
         a.rotary.long_frequencies == b.rotary.long_frequencies;
}

std::string config_json(const DecoderSpec& spec, const char* type, const io::Json& more, const fs::path& source) {
  io::Json config = hugging_face_config(spec, type);
  const io::Json read_again = io::Json::parse(config.dump());
  if (!same_meaning(spec, spec_from_hugging_face({read_again, [](const io::Pointer&) { return std::string("config.json"); }}))) {
    throw ConfigError(source.string() + ": config.json of architecture " + spec.shape.architecture +
                      " cannot say how this model is built (biases, windows or rotation that the architecture lacks)");
  }
  config.update(special_token_ids(source));
  config.update(more);
  return config.dump(2) + "\n";
}

/// Rounded to `type`, contiguous. Only float16 is narrower in range than what it is rounded from.
torch::Tensor rounded(const std::string& name, const torch::Tensor& tensor, torch::ScalarType type) {
  const auto value = tensor.detach().to(torch::kCPU).to(type).contiguous();
  if (type == torch::kFloat16 && tensor.scalar_type() != type && !torch::equal(value.isfinite(), tensor.isfinite().to(torch::kCPU))) {
    throw ConfigError("tensor " + name + " has values beyond float16's largest, 65504; use --dtype bf16 or f32");
  }
  return value;
}

void write_tensors(const fs::path& file, const Tensors& tensors) {
  std::vector<io::TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    views.push_back({name, described(tensor.scalar_type()).file, tensor.sizes().vec(), static_cast<const std::byte*>(tensor.const_data_ptr()),
                     tensor.nbytes()});
  }
  io::write_safetensors(file, views, {{"format", "pt"}});
}

/// Absolute, without a slash at its end, with its parent made.
fs::path ready(const fs::path& folder) {
  fs::path target = fs::absolute(folder).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();
  std::error_code error;
  fs::create_directories(target.parent_path(), error);
  if (error) throw RunError(target.parent_path().string() + ": cannot make the folder: " + error.message());
  return target;
}

}  // namespace

void check_new_folder(const fs::path& folder) {
  std::error_code error;
  if (folder.empty()) throw ConfigError("the output folder has an empty name");
  if (!fs::exists(folder, error)) return;
  if (fs::is_directory(folder, error) && fs::is_empty(folder, error)) return;
  throw ConfigError(folder.string() + ": exists already and is not written over; give the name of a new folder");
}

torch::ScalarType export_type(const std::string& dtype, const WeightSource& source) {
  static const std::map<std::string, torch::ScalarType> types = {{"bf16", torch::kBFloat16}, {"bfloat16", torch::kBFloat16},
                                                                 {"f16", torch::kFloat16},   {"float16", torch::kFloat16},
                                                                 {"f32", torch::kFloat32},   {"float32", torch::kFloat32}};
  if (const auto at = types.find(dtype); at != types.end()) return at->second;
  if (dtype != "auto") throw ConfigError("dtype '" + dtype + "' is not known; expected auto, bf16, f16 or f32");
  const std::string stored = source.stored_type();
  return stored == "F32" || stored == "F64" ? torch::kFloat32 : stored == "F16" ? torch::kFloat16 : torch::kBFloat16;
}

Tensors all_tensors(const WeightSource& source, torch::ScalarType type) {
  const Weights weights(source, type, torch::kCPU);
  Tensors tensors;
  for (const auto& slot : weights.parameters()) {
    if (slot.base.value().defined()) tensors.emplace(slot.base.name(), slot.base.value());
  }
  for (const auto& slot : weights.linears()) tensors.try_emplace(slot.weight->base.name(), slot.turned(slot.base.weight()));
  return tensors;
}

bool write_hugging_face(const fs::path& folder, const DecoderSpec& spec, const Tensors& tensors, torch::ScalarType type,
                        const fs::path& source) {
  Tensors written;
  for (const auto& [name, tensor] : tensors) written.emplace(name, rounded(name, tensor, type));
  return write_typed(folder, spec, written, type, io::Json::object(), source);
}

bool write_typed(const fs::path& folder, const DecoderSpec& spec, const Tensors& tensors, torch::ScalarType type, const io::Json& more,
                 const fs::path& source) {
  check_new_folder(folder);
  const std::string config = config_json(spec, described(type).name, more, source);
  const auto text_files = tokenizer_files(source, spec);
  io::FolderWriter writer(ready(folder));
  writer.add("config.json", config);
  for (const auto& [name, bytes] : text_files) writer.add(name, bytes);
  write_tensors(writer.folder() / "model.safetensors", tensors);
  writer.commit();
  return text_files.contains("tokenizer.json") || text_files.contains("vocab.json") || text_files.contains("tokenizer.model");
}

}  // namespace peftlab::model
