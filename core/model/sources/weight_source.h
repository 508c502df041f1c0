// A base model on disk, whatever its format, as named tensors under their Hugging Face names.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/kernels/quantized_storage.h"
#include "core/model/spec.h"

namespace peftlab::model {

class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual const DecoderSpec& spec() const = 0;
  virtual bool has(const std::string& name) const = 0;
  /// A fresh tensor of the given type on the CPU, decoded where it is kept quantised. Throws ConfigError naming file and tensor when it is missing.
  virtual torch::Tensor read(const std::string& name, torch::ScalarType type) const = 0;
  /// A matrix of a layer as (out, in), however files keep it.
  torch::Tensor read_matrix(const std::string& name, torch::ScalarType type) const;
  /// The shape of a tensor there is; of a quantised matrix that of the matrix.
  virtual std::vector<int64_t> shape(const std::string& name) const { return read(name, torch::kFloat32).sizes().vec(); }
  /// The matrix as it is kept, for a model of `type`, where the source keeps it quantised; else nullptr.
  virtual std::shared_ptr<const kernels::QuantizedStorage> quantized(const std::string&, torch::ScalarType) const { return nullptr; }
  virtual bool is_quantized() const { return false; }
  /// Every tensor there is, under its Hugging Face name; of a quantised matrix its weight alone.
  virtual std::vector<std::string> names() const = 0;
  /// The type most of the weights are kept in ("bfloat16", "Q4_1" ...), for people.
  virtual std::string stored_type() const = 0;
  /// SHA-256 of the files that hold the weights and what describes them.
  virtual std::string hash() const = 0;
  virtual const std::filesystem::path& path() const = 0;
  /// Gives back the memory that files which were read take; what is read again comes back by itself.
  virtual void release_pages() const {}
};

/// Opens a Hugging Face folder or a GGUF file. Throws ConfigError for anything else, and for pickled weights with the way to
/// convert them.
std::unique_ptr<WeightSource> open_weights(const std::filesystem::path& path);

}  // namespace peftlab::model
