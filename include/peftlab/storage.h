// How a frozen matrix is kept in memory: dense, or packed into a few bits.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>

namespace peftlab {

/// One frozen matrix W of shape (out, in). Products are made without recording a graph: whoever needs a gradient calls
/// `frozen_linear`, which knows that only x has one.
class WeightStorage {
 public:
  virtual ~WeightStorage() = default;

  virtual int64_t in() const = 0;
  virtual int64_t out() const = 0;
  /// The type that products are made in and results have.
  virtual torch::ScalarType compute_type() const = 0;
  /// W, (out, in), in the compute type. May be made anew at every call: keep it only as long as needed.
  virtual torch::Tensor dense() const = 0;
  /// Bytes that hold W.
  virtual int64_t bytes() const = 0;
  /// "float32", "bfloat16", "nf4" ...: what the record shows.
  virtual std::string kind() const = 0;
  /// x W', (N, in) -> (N, out).
  virtual torch::Tensor multiply(const torch::Tensor& x) const;
  /// dy W, (N, out) -> (N, in): the gradient that reaches x.
  virtual torch::Tensor multiply_back(const torch::Tensor& dy) const;
  /// dx += dy W, (N, in), where more than one product reaches one x.
  virtual void add_multiplied_back(const torch::Tensor& dy, const torch::Tensor& dx) const;
};

/// W as a plain tensor.
class DenseStorage final : public WeightStorage {
 public:
  /// `weight`: (out, in).
  explicit DenseStorage(torch::Tensor weight);
  int64_t in() const override { return weight_.size(1); }
  int64_t out() const override { return weight_.size(0); }
  torch::ScalarType compute_type() const override { return weight_.scalar_type(); }
  torch::Tensor dense() const override { return weight_; }
  void add_multiplied_back(const torch::Tensor& dy, const torch::Tensor& dx) const override;
  int64_t bytes() const override;
  std::string kind() const override;

 private:
  torch::Tensor weight_;  // (out, in)
};

/// y = x W' + bias with W and bias frozen: (..., in) -> (..., out). Saves nothing but the handle of the storage.
torch::Tensor frozen_linear(const torch::Tensor& x, const std::shared_ptr<const WeightStorage>& weight,
                            const torch::Tensor& bias);

}  // namespace peftlab
