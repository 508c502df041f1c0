#include "core/kernels/quantized_storage.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <limits>

#include "core/kernels/decode_buffer.h"

namespace peftlab::kernels {

void QuantizationError::add(const QuantizationError& other) {
  squared_errors += other.squared_errors;
  squared_deviations += other.squared_deviations;
  num_elements += other.num_elements;
}

double QuantizationError::relative() const {
  if (squared_errors == 0.0) return 0.0;
  return squared_deviations > 0.0 ? std::sqrt(squared_errors / squared_deviations)
                                  : std::numeric_limits<double>::infinity();
}

QuantizedStorage::QuantizedStorage(QuantizedTensors tensors, torch::ScalarType type, torch::ScalarType product_type,
                                   std::optional<QuantizationError> error)
    : tensors_(std::move(tensors)), type_(type), product_type_(product_type), error_(error) {
  const int64_t blocks = tensors_.format.num_blocks(tensors_.num_elements());
  TORCH_CHECK(
      tensors_.packed.numel() == quant::packed_bytes(tensors_.num_elements()) && tensors_.absmax.numel() == blocks,
      "a matrix of ", tensors_.out, " x ", tensors_.in, " in four bits has ", tensors_.packed.numel(), " bytes and ",
      tensors_.absmax.numel(), " scales");
}

torch::Tensor QuantizedStorage::dense() const { return dequantized(tensors_, type_); }

int64_t QuantizedStorage::bytes() const {
  const auto scales = tensors_.absmax.nbytes() + (tensors_.is_double() ? tensors_.absmax2.nbytes() : 0);
  return static_cast<int64_t>(tensors_.packed.nbytes() + scales);
}

torch::Tensor QuantizedStorage::multiply(const torch::Tensor& x) const {
  const torch::NoGradGuard no_grad;
  const DecodeBuffer decoded(tensors_, product_type_);
  return at::linear(x.to(product_type_), decoded.weight()).to(x.scalar_type());
}

torch::Tensor QuantizedStorage::multiply_back(const torch::Tensor& dy) const {
  const torch::NoGradGuard no_grad;
  const DecodeBuffer decoded(tensors_, product_type_);
  return at::mm(dy.to(product_type_), decoded.weight()).to(dy.scalar_type());
}

void QuantizedStorage::add_multiplied_back(const torch::Tensor& dy, const torch::Tensor& dx) const {
  if (dx.scalar_type() != product_type_) return WeightStorage::add_multiplied_back(dy, dx);
  const torch::NoGradGuard no_grad;
  const DecodeBuffer decoded(tensors_, product_type_);
  dx.addmm_(dy, decoded.weight());
}

std::shared_ptr<QuantizedStorage> QuantizedStorage::to(torch::Device device) const {
  QuantizedTensors moved = tensors_;
  for (auto* tensor : {&moved.packed, &moved.absmax, &moved.map, &moved.absmax2}) {
    if (tensor->defined()) *tensor = tensor->to(device);
  }
  return std::make_shared<QuantizedStorage>(std::move(moved), type_, product_type_, error_);
}

}  // namespace peftlab::kernels
