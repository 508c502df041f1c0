// A GGUF file as a base model: quantised tensors are expanded, names and row orders are Hugging Face's.
#pragma once

#include <map>

#include "core/model/sources/weight_source.h"

namespace peftlab::model {

class GgufSource final : public WeightSource {
 public:
  explicit GgufSource(const std::filesystem::path& path);
  const DecoderSpec& spec() const override { return spec_; }
  bool has(const std::string& name) const override { return tensors_.contains(name); }
  torch::Tensor read(const std::string& name, torch::ScalarType type) const override;
  std::vector<int64_t> shape(const std::string& name) const override { return tensors_.at(name)->shape; }
  std::vector<std::string> names() const override;
  std::string stored_type() const override;
  std::string hash() const override;
  const std::filesystem::path& path() const override { return file_.path(); }
  void release_pages() const override { file_.release_pages(); }

 private:
  io::GgufFile file_;
  DecoderSpec spec_;
  std::map<std::string, const io::GgufTensor*> tensors_;  // by Hugging Face name
};

}  // namespace peftlab::model
