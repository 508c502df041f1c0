// Writes a model with its matrices in four bits, as transformers writes one that bitsandbytes quantised.
#pragma once

#include <filesystem>

#include "core/model/weights.h"

namespace peftlab::model {

/// The tensors of the state that stands beside a quantised matrix, and its packed bytes, by name. Source: bitsandbytes,
/// functional.py, `QuantState.as_dict`.
Tensors state_tensors(const std::string& weight, const kernels::QuantizedTensors& tensors);

/// As write_hugging_face does. `weights` were read with `quantization` in `type`. Returns whether there was a
/// tokenizer.
bool write_quantized(const std::filesystem::path& folder, const DecoderSpec& spec, const Weights& weights,
                     torch::ScalarType type, const Quantization& quantization, const std::filesystem::path& source);

}  // namespace peftlab::model
