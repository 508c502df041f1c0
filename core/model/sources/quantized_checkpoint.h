// Four-bit matrices as transformers and bitsandbytes write them: beside `<module>.weight`, whose bytes hold two values
// each, stand the tensors of its state (absmax, quant_map, nested_absmax, nested_quant_map) and a JSON object as bytes
// (quant_state.bitsandbytes__nf4 or __fp4). Source: bitsandbytes, functional.py, `QuantState`.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/io/json.h"
#include "core/io/safetensors.h"
#include "core/kernels/quantized_storage.h"

namespace peftlab::model {

class QuantizedCheckpoint {
 public:
  /// Finds and checks every state; reads no matrix. Without `quantization_config` in `config` nothing is quantised.
  /// Throws ConfigError for another way of quantising, naming it, and with all mistakes for states that are incomplete,
  /// have unknown keys, or whose sizes do not fit. REQUIRES: `tensors` outlives this, at whatever place it is moved to.
  QuantizedCheckpoint(const io::Document& config, const io::SafetensorsSet& tensors);

  bool has(const std::string& weight) const { return matrices_.contains(weight); }
  /// Whether the tensor is a part of a matrix's state.
  bool is_state(const std::string& name) const { return states_.contains(name); }
  /// REQUIRES of both: has(weight). (out, in)
  std::vector<int64_t> shape(const std::string& weight) const;
  /// Copies. Throws ConfigError for scales that are not finite.
  kernels::QuantizedTensors read(const std::string& weight) const;
  /// "NF4" or "FP4"; "" where nothing is quantised.
  std::string kind() const;

 private:
  struct Matrix {
    kernels::QuantizedTensors described;  // its tensors undefined
    io::TensorView packed, absmax, map, absmax2;
  };
  void add(const io::SafetensorsSet& tensors, const io::TensorView& state, io::Mistakes& mistakes);

  std::string where_;
  std::map<std::string, Matrix> matrices_;  // by the weight's name
  std::set<std::string> states_;
};

}  // namespace peftlab::model
