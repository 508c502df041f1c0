// Writes a model as a Hugging Face folder that transformers loads.
#pragma once

#include <filesystem>
#include <string>

#include "core/model/sources/weight_source.h"
#include "peftlab/method.h"

namespace peftlab::model {

/// Throws ConfigError unless nothing stands at `folder`, or an empty folder: what is there is never written over.
void check_new_folder(const std::filesystem::path& folder);

/// The type to write: "bf16", "f16", "f32" (or the long names); "auto": the type of the source, and bfloat16 for one that keeps its
/// weights in blocks. Throws ConfigError for any other word.
torch::ScalarType export_type(const std::string& dtype, const WeightSource& source);

/// Every tensor of the specification under its Hugging Face name, in `type`; a tied head is left out. Throws ConfigError as
/// Weights does.
Tensors all_tensors(const WeightSource& source, torch::ScalarType type);

/// Writes config.json, model.safetensors, generation_config.json and the files of the tokenizer of `source` (a Hugging Face folder
/// or a GGUF file); parents are made, and the folder appears whole or not at all. `tensors` are rounded to `type`. Returns whether
/// there was a tokenizer. Throws ConfigError where `folder` is not new, config.json has no words for the specification, or a value
/// is too large for float16; RunError when the disk refuses.
bool write_hugging_face(const std::filesystem::path& folder, const DecoderSpec& spec, const Tensors& tensors, torch::ScalarType type,
                        const std::filesystem::path& source);

/// The same for tensors that have the types they are written in: contiguous, on the CPU. `type` is that of the model, and what is
/// in `more` goes into config.json too.
bool write_typed(const std::filesystem::path& folder, const DecoderSpec& spec, const Tensors& tensors, torch::ScalarType type,
                 const io::Json& more, const std::filesystem::path& source);

}  // namespace peftlab::model
