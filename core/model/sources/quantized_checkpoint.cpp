#include "core/model/sources/quantized_checkpoint.h"

#include <torch/types.h>

#include <cmath>
#include <cstring>
#include <sstream>

#include "core/io/object_reader.h"
#include "core/io/utf8.h"
#include "core/model/float_type.h"
#include "core/quant/scales.h"

namespace peftlab::model {
namespace {

constexpr const char* kStateMark = ".quant_state.bitsandbytes__";
constexpr size_t kMostStateBytes = 4096;
constexpr double kMostElements = 1ull << 40;

/// What the JSON of a state says.
struct State {
  kernels::QuantizedTensors described;
  bool is_double = false;
};

bool says_four_bits(const io::Document& config) {
  if (!config.value.is_object() || !config.value.contains("quantization_config")) return false;
  const auto& quantization = config.value.at("quantization_config");
  if (quantization.is_null()) return false;
  const auto refuse = [&](const std::string& cause) {
    throw ConfigError(config.where("/quantization_config") + ": /quantization_config: " + cause +
                      "; expected four bits by bitsandbytes, or a model that is not quantised");
  };
  if (!quantization.is_object()) refuse("is no object");
  const auto method = quantization.value("quant_method", io::Json("bitsandbytes"));
  if (method != "bitsandbytes") refuse("models quantised by " + io::shown(method) + " are not read");
  if (quantization.value("load_in_4bit", io::Json(false)) != true) refuse("bitsandbytes' 8-bit models are not read");
  return true;
}

void read_shape(io::ObjectReader& reader, State& state) {
  const auto shape = reader.any("shape", "rows and columns");
  const auto fits = [&](size_t i) {
    return shape[i].is_number_unsigned() && shape[i].get<uint64_t>() > 0 && shape[i].get<uint64_t>() < (1ull << 31);
  };
  if (!shape.is_array() || shape.size() != 2 || !fits(0) || !fits(1) ||
      shape[0].get<double>() * shape[1].get<double>() > kMostElements) {
    return reader.mistake("shape", "expected the rows and columns of a matrix, got " + io::shown(shape));
  }
  state.described.out = shape[0].get<int64_t>();
  state.described.in = shape[1].get<int64_t>();
}

/// `type` as the tensor's name says it.
State read_state(const io::Document& document, const std::string& type, io::Mistakes& mistakes) {
  io::ObjectReader reader(document, "", mistakes);
  State state;
  reader.choice("quant_type", std::nullopt, {type}, "as the tensor's name says it");
  state.described.format.type = type == "nf4" ? quant::FourBit::kNf4 : quant::FourBit::kFp4;
  state.described.format.block_size = reader.integer("blocksize", std::nullopt, "values that share a scale");
  if (!quant::is_block_size(state.described.format.block_size)) {
    reader.mistake("blocksize", "expected a power of two from 32 to 4096");
    state.described.format.block_size = quant::kLeastBlock;
  }
  state.described.source_type =
      float_type(reader.choice("dtype", std::nullopt, {"float32", "bfloat16", "float16"}, "the matrix's type"));
  read_shape(reader, state);
  state.is_double = reader.has("nested_blocksize") || reader.has("nested_dtype") || reader.has("nested_offset");
  if (state.is_double) {
    const io::Range only{static_cast<double>(quant::kScaleBlock), static_cast<double>(quant::kScaleBlock)};
    reader.integer("nested_blocksize", std::nullopt, "scales that share a scale", only);
    reader.choice("nested_dtype", std::nullopt, {"float32"}, "the type of those scales");
    state.described.offset =
        static_cast<float>(reader.number("nested_offset", std::nullopt, "what was taken off each scale"));
    if (!std::isfinite(state.described.offset)) reader.mistake("nested_offset", "is beyond float32");
  }
  reader.finish();
  return state;
}

/// The state's tensor of that name, of the type and number of elements expected; an empty view and a mistake where it
/// is not so.
class Parts {
 public:
  Parts(const io::SafetensorsSet& tensors, std::string weight, io::Mistakes& mistakes)
      : tensors_(tensors), weight_(std::move(weight)), mistakes_(mistakes) {}

  io::TensorView part(const std::string& key, io::Dtype dtype, int64_t count) {
    const auto* view = tensors_.find(weight_ + "." + key);
    const auto bytes = static_cast<uint64_t>(count) * static_cast<uint64_t>(io::dtype_bits(dtype)) / 8;
    if (view == nullptr) {
      say("." + key + " is missing");
    } else if (view->dtype != dtype || view->shape != std::vector<int64_t>{count} || view->bytes != bytes) {
      std::ostringstream text;
      text << "." << key << " is " << io::dtype_name(view->dtype) << " " << torch::IntArrayRef(view->shape)
           << ", expected " << io::dtype_name(dtype) << " [" << count << "]";
      say(text.str());
    } else {
      return *view;
    }
    return {};
  }

  /// The packed values: bytes, or the same bytes under the name of a wider type.
  io::TensorView packed(int64_t bytes) {
    const auto* view = tensors_.find(weight_);
    if (view == nullptr) {
      say(" is missing");
    } else if (view->bytes != static_cast<size_t>(bytes)) {
      say(" has " + std::to_string(view->bytes) + " bytes, expected " + std::to_string(bytes) + " for its shape");
    } else {
      return *view;
    }
    return {};
  }

  void say(const std::string& what) { mistakes_.add(tensors_.path().string(), "", "tensor " + weight_ + what); }

 private:
  const io::SafetensorsSet& tensors_;
  std::string weight_;
  io::Mistakes& mistakes_;
};

/// Whether the table of values is the one that values are decoded with.
bool is_known_map(const io::TensorView& view, quant::FourBit type) {
  const auto& codes = quant::codes(type);
  for (size_t i = 0; i < codes.size(); ++i) {
    float value;
    std::memcpy(&value, view.data + i * sizeof value, sizeof value);
    if (!(std::fabs(value - codes[i]) < 1e-6f)) return false;
  }
  return true;
}

torch::Tensor copied(const io::TensorView& view, torch::ScalarType type) {
  auto tensor = torch::empty({static_cast<int64_t>(view.bytes / c10::elementSize(type))}, type);
  if (view.bytes > 0) std::memcpy(tensor.data_ptr(), view.data, view.bytes);
  return tensor;
}

}  // namespace

QuantizedCheckpoint::QuantizedCheckpoint(const io::Document& config, const io::SafetensorsSet& tensors)
    : where_(tensors.path().string()) {
  if (!says_four_bits(config)) return;
  io::Mistakes mistakes;
  for (const auto& name : tensors.names()) {
    if (name.find(kStateMark) != std::string::npos) add(tensors, tensors.at(name), mistakes);
  }
  mistakes.throw_if_any();
  if (matrices_.empty())
    throw ConfigError(where_ + ": config.json says that matrices are kept in four bits, and no tensor is");
}

void QuantizedCheckpoint::add(const io::SafetensorsSet& tensors, const io::TensorView& state, io::Mistakes& mistakes) {
  const auto at = state.name.find(kStateMark);
  const std::string weight = state.name.substr(0, at), type = state.name.substr(at + std::strlen(kStateMark));
  Parts parts(tensors, weight, mistakes);
  if (type != "nf4" && type != "fp4") return parts.say(kStateMark + type + ": expected nf4 or fp4");
  if (matrices_.contains(weight)) return parts.say(" has two states");
  const std::string text(reinterpret_cast<const char*>(state.data), state.dtype == io::Dtype::kU8 ? state.bytes : 0);
  if (text.empty() || text.size() > kMostStateBytes || !io::is_utf8(text)) {
    return parts.say(kStateMark + type + " is " + io::dtype_name(state.dtype) + " of " + std::to_string(state.bytes) +
                     " bytes, expected JSON of at most " + std::to_string(kMostStateBytes));
  }
  const size_t before = mistakes.lines().size();
  const auto read = read_state(io::parse_json(text, where_ + ": " + state.name), type, mistakes);
  if (mistakes.lines().size() > before) return;
  const int64_t n = read.described.num_elements(), blocks = read.described.format.num_blocks(n);
  Matrix matrix{read.described,
                parts.packed(quant::packed_bytes(n)),
                parts.part("absmax", read.is_double ? io::Dtype::kU8 : io::Dtype::kF32, blocks),
                {},
                {}};
  const auto values = parts.part("quant_map", io::Dtype::kF32, 16);
  if (values.data != nullptr && !is_known_map(values, read.described.format.type)) {
    parts.say(".quant_map is another table than bitsandbytes decodes " + type + " with");
  }
  if (read.is_double) {
    matrix.absmax2 =
        parts.part("nested_absmax", io::Dtype::kF32, (blocks + quant::kScaleBlock - 1) / quant::kScaleBlock);
    matrix.map = parts.part("nested_quant_map", io::Dtype::kF32, 256);
  }
  for (const char* key : {".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map"}) {
    const bool nested = std::strncmp(key, ".nested", 7) == 0;
    if (!nested || read.is_double) states_.insert(weight + key);
  }
  states_.insert(state.name);
  matrices_.emplace(weight, matrix);
}

std::vector<int64_t> QuantizedCheckpoint::shape(const std::string& weight) const {
  const auto& described = matrices_.at(weight).described;
  return {described.out, described.in};
}

kernels::QuantizedTensors QuantizedCheckpoint::read(const std::string& weight) const {
  const Matrix& matrix = matrices_.at(weight);
  auto tensors = matrix.described;
  const bool is_double = matrix.absmax2.data != nullptr;
  tensors.packed = copied(matrix.packed, torch::kUInt8);
  tensors.absmax = copied(matrix.absmax, is_double ? torch::kUInt8 : torch::kFloat32);
  if (is_double) {
    tensors.absmax2 = copied(matrix.absmax2, torch::kFloat32);
    tensors.map = copied(matrix.map, torch::kFloat32);
    if (torch::equal(tensors.map, kernels::shared_scale_map())) tensors.map = kernels::shared_scale_map();
  }
  for (const auto& scales : {tensors.absmax, tensors.absmax2, tensors.map}) {
    if (!scales.defined() || !scales.is_floating_point() || scales.isfinite().all().item<bool>()) continue;
    throw ConfigError(where_ + ": tensor " + weight + " has scales that are not finite");
  }
  return tensors;
}

std::string QuantizedCheckpoint::kind() const {
  if (matrices_.empty()) return "";
  return matrices_.begin()->second.described.format.type == quant::FourBit::kNf4 ? "NF4" : "FP4";
}

}  // namespace peftlab::model
