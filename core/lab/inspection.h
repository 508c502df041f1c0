// What a model or an adapter on disk is made of.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/io/json.h"
#include "core/model/quantization.h"
#include "core/model/sources/weight_source.h"
#include "peftlab/method.h"

namespace peftlab::lab {

/// Tensors or matrices that differ in the layer alone.
struct TensorGroup {
  std::string pattern;         // "model.layers.*.self_attn.q_proj"
  std::vector<int64_t> shape;  // (out, in) of a matrix
  int64_t count = 0;
};

struct ModelInspection {
  model::DecoderSpec spec;
  std::string stored_type;
  int64_t file_bytes = 0;  // of the files that hold the weights
  int64_t num_parameters = 0;
  std::optional<model::QuantizedMatrices> quantized;  // the matrices kept in four bits
  std::vector<TensorGroup> matrices;    // linear layers, in the model's order
  std::vector<TensorGroup> parameters;  // every tensor
};

/// Reads every tensor once, so that a broken file is found. Throws ConfigError as open_weights and model::Weights do.
ModelInspection inspect_model(const std::filesystem::path& path);

struct AdapterInspection {
  std::string path, peft_type, base_model;
  std::string method;      // the one that reads it; empty: none does
  std::string why_unread;  // where none does
  int64_t num_parameters = 0, bytes = 0;
  std::vector<TensorGroup> tensors;
};

/// Throws ConfigError as plugin::read_adapter does.
AdapterInspection inspect_adapter(const std::filesystem::path& folder);

io::Json to_json(const ModelInspection& inspection);
io::Json to_json(const AdapterInspection& inspection);

}  // namespace peftlab::lab
