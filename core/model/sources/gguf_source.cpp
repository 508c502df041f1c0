#include "core/model/sources/gguf_source.h"

#include <algorithm>

#include "core/io/sha256.h"
#include "core/kernels/parallel.h"
#include "core/model/sources/gguf_names.h"
#include "core/quant/ggml_blocks.h"

namespace peftlab::model {
namespace {

/// The Hugging Face name of "blk.3.attn_q.weight"; unknown names stay as they are and are refused with the unexpected ones.
std::string hugging_face_name(const std::string& name, const GgufNames& names) {
  const size_t dot = std::min(name.rfind('.'), name.size());
  const auto module = names.model_module(name.substr(0, dot));
  return module ? *module + name.substr(dot) : name;
}

/// Elements that are expanded and converted while they stay in the processor's second cache: whole blocks of every
/// type.
constexpr int64_t kStretch = 16384;

/// The tensor in its own shape, by all threads.
torch::Tensor expanded(const io::GgufTensor& tensor, torch::ScalarType type) {
  const auto result = torch::empty(tensor.shape, type);
  const auto all = result.flatten();
  const int64_t size = all.numel();
  kernels::parallel_for(0, (size + kStretch - 1) / kStretch, 1, [&](int64_t begin, int64_t end) {
    const torch::NoGradGuard no_grad;  // of this thread
    const auto stretch = torch::empty({std::min(size, kStretch)}, torch::kFloat32);
    for (int64_t first = begin * kStretch; first < std::min(size, end * kStretch); first += kStretch) {
      const int64_t count = std::min(kStretch, size - first);
      const auto* blocks =
          tensor.data + static_cast<uint64_t>(first) / io::block_size(tensor.type) * io::block_bytes(tensor.type);
      quant::dequantize(tensor.type, blocks, static_cast<size_t>(count), stretch.mutable_data_ptr<float>());
      all.narrow(0, first, count).copy_(stretch.narrow(0, 0, count));
    }
  });
  return result;
}

}  // namespace

GgufSource::GgufSource(const std::filesystem::path& path) : file_(path), spec_(spec_from_gguf(file_)) {
  const GgufNames names(spec_);
  for (const auto& tensor : file_.tensors()) {
    if (tensor.name == "rope_freqs.weight") {
      throw ConfigError(path.string() + ": tensor rope_freqs.weight scales the rotation (Llama 3.1), which is read from Hugging "
                        "Face folders only; give the model as one");
    }
    tensors_[hugging_face_name(tensor.name, names)] = &tensor;
  }
}

torch::Tensor GgufSource::read(const std::string& name, torch::ScalarType type) const {
  const auto at = tensors_.find(name);
  if (at == tensors_.end()) throw ConfigError(file_.path().string() + ": tensor " + name + " is missing");
  return GgufNames(spec_).model_rows(name.substr(0, name.rfind('.')), expanded(*at->second, type));
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
