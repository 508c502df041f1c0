#include "core/model/sources/hugging_face_source.h"

#include <algorithm>
#include <cstring>

#include "core/io/sha256.h"

namespace peftlab::model {
namespace {

std::optional<torch::ScalarType> torch_type(io::Dtype dtype) {
  switch (dtype) {
    case io::Dtype::kF32: return torch::kFloat32;
    case io::Dtype::kF16: return torch::kFloat16;
    case io::Dtype::kBF16: return torch::kBFloat16;
    case io::Dtype::kF64: return torch::kFloat64;
    case io::Dtype::kI64: return torch::kInt64;
    case io::Dtype::kI32: return torch::kInt32;
    case io::Dtype::kBool: return torch::kBool;
    case io::Dtype::kU8: return torch::kUInt8;
    default: return std::nullopt;
  }
}

}  // namespace

torch::Tensor to_tensor(const io::TensorView& view, const std::string& where) {
  const auto type = torch_type(view.dtype);
  if (!type) throw ConfigError(where + ": tensor " + view.name + " has type " + io::dtype_name(view.dtype) + ", which is not supported");
  auto tensor = torch::empty(view.shape, *type);
  if (view.bytes > 0) std::memcpy(tensor.data_ptr(), view.data, view.bytes);
  return tensor;
}

HuggingFaceSource::HuggingFaceSource(const std::filesystem::path& folder)
    : HuggingFaceSource(folder, io::read_json(folder / "config.json")) {}

HuggingFaceSource::HuggingFaceSource(const std::filesystem::path& folder, const io::Document& config)
    : folder_(folder), spec_(spec_from_hugging_face(config)), tensors_(folder), quantized_(config, tensors_) {
  const auto names = tensors_.names();
  const auto begins = [&](const std::string& name) { return name.starts_with(spec_.names.base + "."); };
  without_head_ = std::none_of(names.begin(), names.end(), begins);
}

std::string HuggingFaceSource::in_file(const std::string& name) const {
  const std::string first = spec_.names.base + ".";
  return without_head_ && name.starts_with(first) ? name.substr(first.size()) : name;
}

bool HuggingFaceSource::has(const std::string& name) const { return tensors_.find(in_file(name)) != nullptr; }

torch::Tensor HuggingFaceSource::read(const std::string& name, torch::ScalarType type) const {
  if (quantized_.has(in_file(name))) return kernels::dequantized(quantized_.read(in_file(name)), type);
  return to_tensor(tensors_.at(in_file(name)), folder_.string()).to(type);
}

std::vector<int64_t> HuggingFaceSource::shape(const std::string& name) const {
  const auto there = in_file(name);
  return quantized_.has(there) ? quantized_.shape(there) : tensors_.at(there).shape;
}

std::shared_ptr<const kernels::QuantizedStorage> HuggingFaceSource::quantized(const std::string& name, torch::ScalarType type) const {
  const auto there = in_file(name);
  if (!quantized_.has(there)) return nullptr;
  return std::make_shared<kernels::QuantizedStorage>(quantized_.read(there), type, /*product_type=*/type);
}

std::vector<std::string> HuggingFaceSource::names() const {
  auto names = tensors_.names();
  std::erase_if(names, [&](const auto& name) { return quantized_.is_state(name); });
  if (!without_head_) return names;
  for (auto& name : names) {
    if (!name.starts_with(spec_.names.head + ".")) name = spec_.names.base + "." + name;
  }
  return names;
}

std::string HuggingFaceSource::stored_type() const {
  if (!quantized_.kind().empty()) return quantized_.kind();
  const auto* table = tensors_.find(in_file(spec_.names.embedding + ".weight"));
  return table != nullptr ? io::dtype_name(table->dtype) : "?";
}

void HuggingFaceSource::release_pages() const {
  for (const auto& file : tensors_.files()) file.release_pages();
}

std::string HuggingFaceSource::hash() const {
  std::string all = io::sha256_file(folder_ / "config.json");
  for (const auto& file : tensors_.files()) all += io::sha256_file(file.path());
  return io::sha256_hex(all);
}

}  // namespace peftlab::model
