// A matrix that is read when it is first asked for.
#pragma once

#include "core/model/sources/weight_source.h"
#include "peftlab/storage.h"

namespace peftlab::model {

/// So that a method which keeps matrices in another way meets them one by one, and never all of them in full.
class LazyStorage final : public WeightStorage {
 public:
  /// REQUIRES: `source` outlives this.
  LazyStorage(const WeightSource& source, std::string name, torch::ScalarType type, torch::Device device)
      : source_(source), name_(std::move(name)), shape_(source.shape(name_)), type_(type), device_(device) {
    if (source.spec().fan_in_fan_out) std::swap(shape_[0], shape_[1]);
  }

  int64_t in() const override { return shape_[1]; }
  int64_t out() const override { return shape_[0]; }
  torch::ScalarType compute_type() const override { return type_; }
  torch::Tensor dense() const override {
    if (!weight_.defined()) weight_ = source_.read_matrix(name_, type_).to(device_);
    return weight_;
  }
  int64_t bytes() const override { return in() * out() * static_cast<int64_t>(c10::elementSize(type_)); }
  std::string kind() const override { return c10::toString(type_); }

 private:
  const WeightSource& source_;
  std::string name_;
  std::vector<int64_t> shape_;  // {out, in}
  torch::ScalarType type_;
  torch::Device device_;
  mutable torch::Tensor weight_;  // (out, in), once read
};

}  // namespace peftlab::model
