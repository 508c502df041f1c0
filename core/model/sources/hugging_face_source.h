// A Hugging Face folder: config.json and safetensors, single or sharded.
#pragma once

#include "core/io/safetensors.h"
#include "core/model/sources/quantized_checkpoint.h"
#include "core/model/sources/weight_source.h"

namespace peftlab::model {

class HuggingFaceSource final : public WeightSource {
 public:
  /// Throws ConfigError for what config.json, the files, or the states of quantised matrices do wrong.
  explicit HuggingFaceSource(const std::filesystem::path& folder);
  const DecoderSpec& spec() const override { return spec_; }
  bool has(const std::string& name) const override;
  torch::Tensor read(const std::string& name, torch::ScalarType type) const override;
  std::vector<int64_t> shape(const std::string& name) const override;
  std::shared_ptr<const kernels::QuantizedStorage> quantized(const std::string& name, torch::ScalarType type) const override;
  bool is_quantized() const override { return !quantized_.kind().empty(); }
  std::vector<std::string> names() const override;
  std::string stored_type() const override;
  std::string hash() const override;
  const std::filesystem::path& path() const override { return folder_; }
  void release_pages() const override;

 private:
  HuggingFaceSource(const std::filesystem::path& folder, const io::Document& config);
  /// The name in the file of a tensor of the model.
  std::string in_file(const std::string& name) const;

  std::filesystem::path folder_;
  DecoderSpec spec_;
  io::SafetensorsSet tensors_;
  QuantizedCheckpoint quantized_;
  bool without_head_;  // saved as the model without its head: names lack their first part
};

/// A copy of the bytes as a tensor on the CPU. Throws ConfigError "<where>: ..." for a type libtorch has no name for here.
torch::Tensor to_tensor(const io::TensorView& view, const std::string& where);

}  // namespace peftlab::model
