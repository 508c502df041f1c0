// Adapters as PEFT keeps them: a folder with adapter_config.json and adapter_model.safetensors.
#pragma once

#include <filesystem>
#include <string>

#include "core/plugin/created.h"

namespace peftlab::plugin {

/// Throws ConfigError with the path: a file that is missing or broken, weights that are a pickle.
Adapter read_adapter(const std::filesystem::path& folder);

/// Writes the two files (keys sorted, indent 2) and a manifest; the folder appears whole or not at all, and one that exists is
/// replaced. Throws RunError when the disk refuses.
void write_adapter(const std::filesystem::path& folder, const Adapter& adapter);

/// The method that an adapter belongs to, made with the adapter's options: asks every library; exactly one must accept.
/// Throws ConfigError beginning with `where` when none does, with what each said, or several do.
CreatedMethod create_from_adapter(const Adapter& adapter, const std::string& where);

}  // namespace peftlab::plugin
