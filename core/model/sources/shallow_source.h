// The first layers of a model, as if it had no others.
#pragma once

#include "core/model/sources/weight_source.h"

namespace peftlab::model {

class ShallowSource final : public WeightSource {
 public:
  /// REQUIRES: 1 <= num_layers <= those of `whole`, which lives as long as this.
  ShallowSource(const WeightSource& whole, int64_t num_layers);

  const DecoderSpec& spec() const override { return spec_; }
  bool has(const std::string& name) const override { return whole_.has(name); }
  torch::Tensor read(const std::string& name, torch::ScalarType type) const override { return whole_.read(name, type); }
  std::vector<int64_t> shape(const std::string& name) const override { return whole_.shape(name); }
  std::shared_ptr<const kernels::QuantizedStorage> quantized(const std::string& name, torch::ScalarType type) const override {
    return whole_.quantized(name, type);
  }
  bool is_quantized() const override { return whole_.is_quantized(); }
  std::vector<std::string> names() const override;
  std::string stored_type() const override { return whole_.stored_type(); }
  std::string hash() const override { return whole_.hash(); }
  const std::filesystem::path& path() const override { return whole_.path(); }
  void release_pages() const override { whole_.release_pages(); }

 private:
  const WeightSource& whole_;
  DecoderSpec spec_;
};

}  // namespace peftlab::model
