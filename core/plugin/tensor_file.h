// Tensors in safetensors files.
#pragma once

#include <filesystem>

#include "peftlab/method.h"

namespace peftlab::plugin {

/// All tensors of a file, copied to memory in the type they have there. Throws ConfigError as io::SafetensorsFile does, and
/// naming a tensor of a type that libtorch lacks.
Tensors read_tensors(const std::filesystem::path& path);

/// Writes them in the types they have, with the metadata {"format": "pt"} that transformers and PEFT ask for; atomic. Throws
/// RunError when the disk refuses. REQUIRES: float, integer or boolean types.
void write_tensors(const std::filesystem::path& path, const Tensors& tensors);

}  // namespace peftlab::plugin
