// How GGUF files name and order the tensors of an architecture.
// Source: gguf-py/gguf/tensor_mapping.py and convert_hf_to_gguf.py of https://github.com/ggml-org/llama.cpp.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/model/spec.h"

namespace peftlab::model {

class GgufNames {
 public:
  explicit GgufNames(const DecoderSpec& spec);

  /// The word for the architecture in `general.architecture`; nothing for one that llama.cpp has in another form, or
  /// not at all.
  std::optional<std::string> architecture() const;

  /// "blk.3.attn_q" of "model.layers.3.self_attn.q_proj", and back; nothing for a module that files do not name. Heads
  /// are "output", tables "token_embd".
  std::optional<std::string> file_module(const std::string& module) const;
  std::optional<std::string> model_module(const std::string& name) const;

  /// The rows (n, ...) of a module's weight, or of what is added to it, in the order of the model, and of the file: for
  /// architecture llama the two halves of a rotated head stand interleaved there, (2i, 2i + 1) for the model's
  /// (i, i + D/2). REQUIRES: n is the number of the module's outputs.
  torch::Tensor model_rows(const std::string& module, const torch::Tensor& rows) const;
  torch::Tensor file_rows(const std::string& module, const torch::Tensor& rows) const;

 private:
  /// Heads of a module whose rows are interleaved, or 0.
  int64_t interleaved_heads(const std::string& module) const;

  const DecoderSpec& spec_;
  std::map<std::string, std::string> in_layer_;  // "attn_q" -> "self_attn.q_proj"
  std::map<std::string, std::string> outside_;   // "output" -> "lm_head"
};

}  // namespace peftlab::model
