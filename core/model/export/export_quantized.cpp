#include "core/model/export/export_quantized.h"

#include <torch/types.h>

#include "core/model/export/export.h"
#include "core/quant/scales.h"

namespace peftlab::model {
namespace {

const char* name_of(torch::ScalarType type) {
  return type == torch::kBFloat16 ? "bfloat16" : type == torch::kHalf ? "float16" : "float32";
}

/// As Python's json.dumps spaces it, with the keys in the order that bitsandbytes writes them.
std::string state_json(const kernels::QuantizedTensors& t) {
  const std::string type = quant::name(t.format.type);
  std::string json = "{\"quant_type\": \"" + type + "\", \"blocksize\": " + std::to_string(t.format.block_size) +
                     ", \"dtype\": \"" + name_of(t.source_type) + "\", \"shape\": [" + std::to_string(t.out) + ", " +
                     std::to_string(t.in) + "]";
  if (t.is_double()) {
    json += ", \"nested_blocksize\": " + std::to_string(quant::kScaleBlock) +
            ", \"nested_dtype\": \"float32\", \"nested_offset\": " + io::Json(static_cast<double>(t.offset)).dump();
  }
  return json + "}";
}

torch::Tensor bytes_of(const std::string& text) {
  auto bytes = torch::empty({static_cast<int64_t>(text.size())}, torch::kUInt8);
  std::copy(text.begin(), text.end(), bytes.data_ptr<uint8_t>());
  return bytes;
}

io::Json quantization_config(const Quantization& quantization, torch::ScalarType type) {
  const auto& options = quantization.options;
  return {{"_load_in_4bit", true},
          {"_load_in_8bit", false},
          {"bnb_4bit_compute_dtype", name_of(type)},
          {"bnb_4bit_quant_storage", "uint8"},
          {"bnb_4bit_quant_type", options.type},
          {"bnb_4bit_use_double_quant", options.double_quantization},
          {"llm_int8_enable_fp32_cpu_offload", false},
          {"llm_int8_has_fp16_weight", false},
          {"llm_int8_skip_modules", nullptr},
          {"llm_int8_threshold", 6.0},
          {"load_in_4bit", true},
          {"load_in_8bit", false},
          {"quant_method", "bitsandbytes"}};
}

}  // namespace

Tensors state_tensors(const std::string& weight, const kernels::QuantizedTensors& t) {
  const auto& codes = quant::codes(t.format.type);
  Tensors tensors = {{weight, t.packed.view({-1, 1})},
                     {weight + ".absmax", t.absmax},
                     {weight + ".quant_map", torch::tensor(at::ArrayRef<float>(codes.data(), codes.size()))},
                     {weight + ".quant_state.bitsandbytes__" + quant::name(t.format.type), bytes_of(state_json(t))}};
  if (t.is_double()) {
    tensors.emplace(weight + ".nested_absmax", t.absmax2);
    tensors.emplace(weight + ".nested_quant_map", t.map);
  }
  return tensors;
}

bool write_quantized(const std::filesystem::path& folder, const DecoderSpec& spec, const Weights& weights,
                     torch::ScalarType type, const Quantization& quantization, const std::filesystem::path& source) {
  Tensors tensors;
  for (const auto& slot : weights.parameters()) {
    if (slot.base.value().defined()) tensors.emplace(slot.base.name(), slot.base.value().contiguous());
  }
  for (const auto& slot : weights.linears()) {
    const auto* storage = dynamic_cast<const kernels::QuantizedStorage*>(slot.base.storage().get());
    if (storage != nullptr) tensors.merge(state_tensors(slot.weight->base.name(), storage->tensors()));
  }
  return write_typed(folder, spec, tensors, type, {{"quantization_config", quantization_config(quantization, type)}},
                     source);
}

}  // namespace peftlab::model
