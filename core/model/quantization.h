// How a model's matrices are kept in four bits.
#pragma once

#include <optional>
#include <string>

#include "core/io/object_reader.h"
#include "core/kernels/quantized_storage.h"

namespace peftlab::model {

class Weights;

/// What makes the same codes of the same source again.
struct Quantization {
  QuantizationOptions options;
  /// Matrices are rounded to this first; nothing: to the model's type.
  std::optional<torch::ScalarType> source_type;
};

/// The matrices of a model that are quantised, taken together.
struct QuantizedMatrices {
  int64_t count = 0;
  int64_t num_parameters = 0;
  int64_t bytes = 0;
  std::string kind;  // "nf4"; "mixed" where they differ in anything below
  bool double_quantization = false;
  int64_t block_size = 0;
  torch::ScalarType source_type = torch::kFloat32;
  bool cpu_rules = false;
  std::optional<torch::ScalarType> compute_type;  // of products, where it is not the model's
  std::optional<kernels::QuantizationError> error;  // nothing where a matrix was read quantised

  double bits_per_parameter() const { return 8.0 * static_cast<double>(bytes) / static_cast<double>(num_parameters); }
};

/// Nothing where no matrix is quantised.
std::optional<QuantizedMatrices> quantized_matrices(const Weights& weights);

/// "nf4, scales quantised too, blocks of 64".
std::string about(const QuantizedMatrices& matrices);

/// For a record: kind, what made it, bytes, bits_per_parameter and, where known, relative_error.
io::Json to_json(const QuantizedMatrices& matrices);

/// Of a record's JSON, what quantises the same way again; nothing for null. Throws ConfigError "<where>: …" for
/// anything else that to_json() does not write, and for matrices that differ.
std::optional<Quantization> quantization_from_json(const io::Json& json, const std::string& where);

}  // namespace peftlab::model
