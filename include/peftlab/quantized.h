// Matrices kept in four bits a value (Dettmers et al., 2023, https://arxiv.org/abs/2305.14314, section 3).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "peftlab/storage.h"

namespace peftlab {

struct QuantizationOptions {
  std::string type = "nf4";  // "nf4": quantiles of the normal distribution; "fp4": a float of four bits
  /// The scales of blocks in 8 bits: 4.127 bits a parameter instead of 4.5 in blocks of 64.
  bool double_quantization = true;
  int64_t block_size = 64;  // values that share a scale: a power of two from 32 to 4096
  /// The type that products are made in, with what comes in and what goes out converted; nothing: the weight's. A
  /// float64 matrix, there to check others against, is always multiplied in float64.
  std::optional<torch::ScalarType> compute_type;
  /// The rounding of bitsandbytes' CPU quantiser instead of its CUDA kernel's: the two differ in the last bit of
  /// thresholds.
  bool cpu_rules = false;
};

/// A copy of `weight` (out, in), which may be any floating type, in four bits. It is decoded for each product into one
/// buffer that all matrices of a device share, so that neither memory nor autograd ever holds it decoded. Decoded
/// values are those of bitsandbytes: code times scale, rounded to the weight's type. Throws ConfigError for options out
/// of range and for a weight with values that are not finite; the message begins with the option's name, or says "the
/// matrix".
std::shared_ptr<const WeightStorage> quantized(const torch::Tensor& weight, const QuantizationOptions& options);

}  // namespace peftlab
