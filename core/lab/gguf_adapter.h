// Low-rank adapters as GGUF files, the form that llama.cpp reads beside a model.
//
// Metadata general.type = adapter, general.architecture, adapter.type = lora, adapter.lora.alpha; for each matrix the
// tensors NAME.lora_a (rank, in) and NAME.lora_b (out, rank), for the table NAME.lora_a (V, rank), rows in the order of
// llama.cpp's models. It scales an update by alpha / rank, or, for an alpha of 0, not at all.
// Source: src/llama-adapter.{h,cpp} and convert_lora_to_gguf.py of https://github.com/ggml-org/llama.cpp.
#pragma once

#include <filesystem>
#include <string>

#include "core/lab/method_set.h"

namespace peftlab::lab {

struct WrittenGgufAdapter {
  std::string architecture;
  int64_t num_updates = 0;
  double alpha = 0.0;
  int64_t num_folded = 0;  // updates whose scale is not alpha / rank: the rest of it is in their lora_b
};

/// Writes what `methods` add to the model as float32, atomically. `base_model` is named in the metadata. Throws
/// ConfigError naming every method, and what it fills, that is no low-rank update or that the file has no place for,
/// and an architecture without such files; RunError when the disk refuses. REQUIRES: `methods` are on `decoder`.
WrittenGgufAdapter write_gguf_adapter(const std::filesystem::path& file, const model::Decoder& decoder,
                                      const MethodSet& methods, const std::string& base_model);

/// Whether the path is a file that ends in ".gguf".
bool is_gguf_adapter(const std::filesystem::path& path);

/// The file that holds the tensors of an adapter: the GGUF file itself, or the one in the folder.
std::filesystem::path adapter_tensors(const std::filesystem::path& path);

/// The adapter of a folder (plugin::read_adapter), or of a GGUF file in PEFT's form, for a model of that specification.
/// Throws ConfigError with the path: a file that is broken, of another architecture or no adapter, and every tensor
/// that has no partner, an unknown name or a shape that does not fit.
Adapter read_adapter(const std::filesystem::path& path, const model::DecoderSpec& spec);

}  // namespace peftlab::lab
