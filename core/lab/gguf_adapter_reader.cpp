// read_adapter of core/lab/gguf_adapter.h.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "core/io/gguf.h"
#include "core/lab/gguf_adapter.h"
#include "core/lab/gguf_adapter_keys.h"
#include "core/model/sources/gguf_names.h"
#include "core/quant/ggml_blocks.h"
#include "peftlab/parts/peft_form.h"

namespace peftlab::lab {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDownEnd = ".weight.lora_a";
constexpr const char* kUpEnd = ".weight.lora_b";

/// The two tensors of one module; a null pointer for one that was not met.
struct TensorPair {
  const io::GgufTensor* down = nullptr;
  const io::GgufTensor* up = nullptr;
};

/// The shortest decimal number that is this float32: 0.1, not 0.100000001490116.
double decimal_of(float value) {
  char text[32];
  for (int digits = 6; digits <= 9; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, static_cast<double>(value));
    if (std::strtof(text, nullptr) == value) break;
  }
  return std::strtod(text, nullptr);
}

torch::Tensor decoded(const io::GgufTensor& tensor) {
  auto values = torch::empty(tensor.shape, torch::kFloat32);
  quant::dequantize(tensor.type, tensor.data, tensor.num_elements(), values.data_ptr<float>());
  return values;
}

class GgufAdapterReader {
 public:
  GgufAdapterReader(const fs::path& path, const model::DecoderSpec& spec)
      : file_(path), where_(path.string()), spec_(spec), names_(spec) {}

  Adapter operator()() {
    check_metadata();
    for (const auto& tensor : file_.tensors()) sort(tensor);
    for (const auto& [module, pair] : pairs_) check(module, pair);
    if (pairs_.empty()) mistakes_.add(where_, "", "holds no tensors, expected pairs that end in .lora_a and .lora_b");
    mistakes_.throw_if_any();
    for (const auto& [module, pair] : pairs_) add(module, pair);
    return {config(), std::move(tensors_)};
  }

 private:
  void expect(const std::string& key, const std::string& expected) {
    const auto got = file_.text(key, "");
    if (got != expected) mistakes_.add(where_, "", key + " is '" + got + "', expected '" + expected + "'");
  }

  void check_metadata() {
    const auto architecture = names_.architecture();
    if (!architecture) {
      throw ConfigError(where_ + ": a GGUF adapter cannot be for a model of architecture '" + spec_.shape.architecture +
                        "', which llama.cpp does not have in this form");
    }
    expect("general.type", "adapter");
    expect(kAdapterTypeKey, kLowRankType);
    expect("general.architecture", *architecture);
    if (file_.has("adapter.alora.invocation_tokens"))
      mistakes_.add(where_, "",
                    "is switched on by certain tokens (adapter.alora.invocation_tokens), which is not supported");
    alpha_ = decimal_of(static_cast<float>(file_.number(kAlphaKey, 0.0)));
    if (!std::isfinite(alpha_)) mistakes_.add(where_, "", "adapter.lora.alpha is not finite");
    mistakes_.throw_if_any();
  }

  void sort(const io::GgufTensor& tensor) {
    const bool down = tensor.name.ends_with(kDownEnd);
    const auto stem =
        tensor.name.substr(0, tensor.name.size() - std::min(tensor.name.size(), std::string(kUpEnd).size()));
    const auto module = down || tensor.name.ends_with(kUpEnd) ? names_.model_module(stem) : std::nullopt;
    if (!module)
      return fault(tensor, "is not expected: no matrix of this architecture has a low-rank update of that name");
    if (tensor.shape.size() != 2)
      return fault(tensor, "has " + std::to_string(tensor.shape.size()) + " dimensions, expected 2");
    if (!quant::can_dequantize(tensor.type))
      return fault(tensor, "has the type " + io::name(tensor.type) + ", which is not supported");
    (down ? pairs_[*module].down : pairs_[*module].up) = &tensor;
  }

  void check(const std::string& module, const TensorPair& pair) {
    if (pair.down == nullptr || pair.up == nullptr) {
      return fault(pair.down == nullptr ? *pair.up : *pair.down, "has no partner: expected both .lora_a and .lora_b");
    }
    const int64_t rank = rank_of(pair), down_rank = pair.down->shape[is_table(module) ? 1 : 0];
    if (rank < 1 || down_rank != rank) {
      fault(*pair.up, "has the rank " + std::to_string(rank) + " and its .lora_a " + std::to_string(down_rank) +
                          ", expected one rank of at least 1");
    }
    if (const int64_t rows = rows_of(module); rows > 0 && pair.up->shape[0] != rows) {
      fault(*pair.up, "has " + std::to_string(pair.up->shape[0]) + " rows, expected " + std::to_string(rows) +
                          ": the adapter belongs to another base");
    }
  }

  void add(const std::string& module, const TensorPair& pair) {
    const auto prefix = "base_model.model." + module + (is_table(module) ? ".lora_embedding_" : ".lora_");
    const std::string end = is_table(module) ? "" : ".weight";
    const auto down = decoded(*pair.down);
    tensors_.emplace(prefix + "A" + end, is_table(module) ? down.t().contiguous() : down);
    tensors_.emplace(prefix + "B" + end, names_.model_rows(module, decoded(*pair.up)).contiguous());
  }

  /// PEFT's words for scale alpha / rank with the ranks that the tensors have, or for a scale of one.
  Fields config() const {
    std::map<int64_t, int64_t> counts;
    for (const auto& [module, pair] : pairs_) ++counts[rank_of(pair)];
    const int64_t usual = std::ranges::max_element(counts, {}, [](const auto& one) { return one.second; })->first;
    std::vector<std::string> modules;
    Fields ranks, alphas;
    for (const auto& [module, pair] : pairs_) {
      modules.push_back(module);
      if (rank_of(pair) == usual) continue;
      ranks.set(module, rank_of(pair));
      if (alpha_ == 0.0) alphas.set(module, rank_of(pair));
    }
    auto config = peft_fields("LORA");
    config.set("base_model_name_or_path", file_.text(kBaseNameKey, ""));
    config.set("r", usual);
    config.set("lora_alpha", alpha_ == 0.0 ? Value(usual) : number_value(alpha_));
    config.set("rank_pattern", ranks);
    config.set("alpha_pattern", alphas);
    config.set("target_modules", modules);
    return config;
  }

  static int64_t rank_of(const TensorPair& pair) { return pair.up->shape[1]; }
  bool is_table(const std::string& module) const { return module == spec_.names.embedding; }

  /// Outputs of a module whose rows are in another order in the file, or 0.
  int64_t rows_of(const std::string& module) const {
    const auto& parts = spec_.names.query_key_value;
    for (size_t i = 0; i < 2 && parts.size() == 3; ++i) {
      if (module.ends_with("." + parts[i]))
        return spec_.shape.head_width * (i == 0 ? spec_.shape.num_heads : spec_.shape.num_kv_heads);
    }
    return 0;
  }

  void fault(const io::GgufTensor& tensor, const std::string& what) {
    mistakes_.add(where_, "", "tensor '" + tensor.name + "' " + what);
  }

  io::GgufFile file_;
  std::string where_;
  const model::DecoderSpec& spec_;
  model::GgufNames names_;
  double alpha_ = 0.0;
  std::map<std::string, TensorPair> pairs_;  // by module
  Tensors tensors_;
  io::Mistakes mistakes_;
};

}  // namespace

bool is_gguf_adapter(const fs::path& path) {
  std::error_code error;
  return path.extension() == ".gguf" && !fs::is_directory(path, error);
}

fs::path adapter_tensors(const fs::path& path) {
  return is_gguf_adapter(path) ? path : path / "adapter_model.safetensors";
}

Adapter read_adapter(const fs::path& path, const model::DecoderSpec& spec) {
  if (!is_gguf_adapter(path)) return plugin::read_adapter(path);
  return GgufAdapterReader(path, spec)();
}

}  // namespace peftlab::lab
