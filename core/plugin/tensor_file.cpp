#include "core/plugin/tensor_file.h"

#include <torch/types.h>

#include <cstring>

#include "core/io/safetensors.h"

namespace peftlab::plugin {
namespace {

struct TypePair {
  io::Dtype file;
  torch::ScalarType tensor;
};

constexpr TypePair kTypes[] = {
    {io::Dtype::kF32, torch::kFloat32}, {io::Dtype::kF64, torch::kFloat64}, {io::Dtype::kF16, torch::kFloat16},
    {io::Dtype::kBF16, torch::kBFloat16}, {io::Dtype::kI64, torch::kInt64}, {io::Dtype::kI32, torch::kInt32},
    {io::Dtype::kI16, torch::kInt16}, {io::Dtype::kI8, torch::kInt8}, {io::Dtype::kU8, torch::kUInt8},
    {io::Dtype::kBool, torch::kBool},
};

torch::Tensor copied(const io::TensorView& view, const std::filesystem::path& path) {
  for (const auto& type : kTypes) {
    if (type.file != view.dtype) continue;
    auto tensor = torch::empty(view.shape, type.tensor);
    if (view.bytes > 0) std::memcpy(tensor.data_ptr(), view.data, view.bytes);
    return tensor;
  }
  throw ConfigError(path.string() + ": tensor '" + view.name + "' has the type " + io::dtype_name(view.dtype) +
                    ", expected F32, F64, F16, BF16, an integer type up to I64, U8 or BOOL");
}

io::Dtype dtype_of(const torch::Tensor& tensor) {
  for (const auto& type : kTypes) {
    if (type.tensor == tensor.scalar_type()) return type.file;
  }
  TORCH_CHECK(false, "a tensor of type ", tensor.scalar_type(), " cannot be written to a safetensors file");
}

}  // namespace

Tensors read_tensors(const std::filesystem::path& path) {
  const io::SafetensorsFile file(path);
  Tensors tensors;
  for (const auto& view : file.tensors()) tensors.emplace(view.name, copied(view, path));
  return tensors;
}

void write_tensors(const std::filesystem::path& path, const Tensors& tensors) {
  std::vector<torch::Tensor> kept;
  std::vector<io::TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    kept.push_back(tensor.detach().to(torch::kCPU).contiguous());
    const auto& here = kept.back();
    views.push_back({name, dtype_of(here), here.sizes().vec(), static_cast<const std::byte*>(here.const_data_ptr()), here.nbytes()});
  }
  io::write_safetensors(path, views, {{"format", "pt"}});
}

}  // namespace peftlab::plugin
