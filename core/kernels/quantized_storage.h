// The storage behind include/peftlab/quantized.h, with what it is made of.
#pragma once

#include <torch/types.h>

#include <memory>
#include <optional>
#include <string>

#include "core/quant/four_bit.h"
#include "peftlab/quantized.h"

namespace peftlab::kernels {

/// A matrix in four bits, as bitsandbytes keeps one.
struct QuantizedTensors {
  quant::FourBitFormat format;
  torch::ScalarType source_type = torch::kFloat32;  // that of the matrix: float32, bfloat16 or float16
  int64_t out = 0, in = 0;
  torch::Tensor packed;   // (ceil(out in / 2)) uint8
  torch::Tensor absmax;   // (blocks) float32, or uint8 where quantised twice, with the three below
  torch::Tensor map;      // (256) float32
  torch::Tensor absmax2;  // (ceil(blocks / 256)) float32
  float offset = 0.0f;
  bool cpu_rules = false;  // how it was rounded, where it was quantised here

  bool is_double() const { return absmax2.defined(); }
  int64_t num_elements() const { return out * in; }
};

/// How far decoded values are from the matrix, summed over its elements.
struct QuantizationError {
  double squared_errors = 0.0;
  double squared_deviations = 0.0;  // of the matrix from its mean
  int64_t num_elements = 0;

  void add(const QuantizationError& other);
  /// Root mean square error in standard deviations of the matrix.
  double relative() const;
};

class QuantizedStorage final : public WeightStorage {
 public:
  /// `type`: of what comes in and goes out, and of dense(); products are made in `product_type`. REQUIRES: tensors of
  /// one device whose sizes fit. `error`: where the matrix was seen.
  QuantizedStorage(QuantizedTensors tensors, torch::ScalarType type, torch::ScalarType product_type,
                   std::optional<QuantizationError> error = std::nullopt);

  int64_t in() const override { return tensors_.in; }
  int64_t out() const override { return tensors_.out; }
  torch::ScalarType compute_type() const override { return type_; }
  torch::ScalarType product_type() const { return product_type_; }
  torch::Tensor dense() const override;
  /// Bytes of codes and scales; the tables of values, which all matrices share, are not in it.
  int64_t bytes() const override;
  std::string kind() const override { return quant::name(tensors_.format.type); }
  torch::Tensor multiply(const torch::Tensor& x) const override;
  torch::Tensor multiply_back(const torch::Tensor& dy) const override;
  void add_multiplied_back(const torch::Tensor& dy, const torch::Tensor& dx) const override;

  const QuantizedTensors& tensors() const { return tensors_; }
  const std::optional<QuantizationError>& error() const { return error_; }
  /// The same matrix on another device.
  std::shared_ptr<QuantizedStorage> to(torch::Device device) const;

 private:
  QuantizedTensors tensors_;
  torch::ScalarType type_;
  torch::ScalarType product_type_;
  std::optional<QuantizationError> error_;
};

/// Throws ConfigError, beginning with the option's name, for options out of range.
void check_quantization(const QuantizationOptions& options);

/// The quantised matrix and its error, on the device of `weight`, for a model of `type` (nothing: that of `weight`).
/// Throws as quantized() does.
std::shared_ptr<QuantizedStorage> quantized_storage(const torch::Tensor& weight, const QuantizationOptions& options,
                                                    std::optional<torch::ScalarType> type = std::nullopt);

/// The matrix, (out, in), in `type`.
torch::Tensor dequantized(const QuantizedTensors& tensors, torch::ScalarType type);

namespace slow {

/// dequantized() in plain operations.
torch::Tensor dequantized(const QuantizedTensors& tensors, torch::ScalarType type);

}  // namespace slow

/// The values of the 8-bit codes, one tensor for all matrices: (256) float32 on the CPU.
const torch::Tensor& shared_scale_map();

}  // namespace peftlab::kernels
