#include "core/lab/loaded_model.h"

#include <ATen/Context.h>
#include <c10/util/Exception.h>

#include <map>

namespace peftlab::lab {

ModelFiles::ModelFiles(const std::filesystem::path& path) : path(path), source(model::open_weights(path)) {
  hash_ = std::async(std::launch::async, [from = source.get()] { return from->hash(); });
}

text::Tokenizer load_tokenizer(const std::filesystem::path& model) { return text::Tokenizer::load(model); }

torch::Device choose_device(Device wanted) {
  const bool has_cuda = at::hasCUDA();
  if (wanted == Device::cuda && !has_cuda) {
    throw ConfigError("device: cuda was asked for, and this libtorch or this machine has none; use \"auto\" or \"cpu\"");
  }
  return wanted == Device::cuda || (wanted == Device::automatic && has_cuda) ? torch::Device(torch::kCUDA, 0) : torch::kCPU;
}

torch::ScalarType choose_type(const std::string& dtype, torch::Device device) {
  static const std::map<std::string, torch::ScalarType> types = {{"bf16", torch::kBFloat16}, {"bfloat16", torch::kBFloat16},
                                                                 {"f32", torch::kFloat32},   {"float32", torch::kFloat32},
                                                                 {"f64", torch::kFloat64},   {"float64", torch::kFloat64}};
  if (const auto at = types.find(dtype); at != types.end()) return at->second;
  if (dtype != "auto") throw ConfigError("dtype '" + dtype + "' is not known; expected auto, bf16, f32 or f64");
  const bool fast = device.is_cuda() || __builtin_cpu_supports("avx512bf16") != 0;
  return fast ? torch::kBFloat16 : torch::kFloat32;
}

model::Reading reading_of(const io::Json& record, const model::WeightSource& source) {
  if (source.is_quantized()) return {};
  const auto quantized = record.value("model", io::Json::object()).value("quantized", io::Json(nullptr));
  return {model::quantization_from_json(quantized, "run.json: /model/quantized"), /*lazily=*/false};
}

std::string type_name(torch::ScalarType type) {
  switch (type) {
    case torch::kBFloat16: return "bfloat16";
    case torch::kFloat32: return "float32";
    case torch::kFloat64: return "float64";
    default: return c10::toString(type);
  }
}

}  // namespace peftlab::lab
