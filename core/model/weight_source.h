// A base model on disk, whatever its format, as named tensors under their Hugging Face names.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/model/spec.h"

namespace peftlab::model {

class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual const DecoderSpec& spec() const = 0;
  virtual bool has(const std::string& name) const = 0;
  /// A fresh tensor of the given type on the CPU. Throws ConfigError naming file and tensor when it is missing.
  virtual torch::Tensor read(const std::string& name, torch::ScalarType type) const = 0;
  /// Every tensor there is, under its Hugging Face name.
  virtual std::vector<std::string> names() const = 0;
  /// The type most of the weights are kept in ("bfloat16", "Q4_1" ...), for people.
  virtual std::string stored_type() const = 0;
  /// SHA-256 of the files that hold the weights and what describes them.
  virtual std::string hash() const = 0;
  virtual const std::filesystem::path& path() const = 0;
};

/// Opens a Hugging Face folder or a GGUF file. Throws ConfigError for anything else, and for pickled weights with the way to
/// convert them.
std::unique_ptr<WeightSource> open_weights(const std::filesystem::path& path);

}  // namespace peftlab::model
