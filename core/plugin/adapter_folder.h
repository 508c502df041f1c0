// Adapters as PEFT keeps them: a folder with adapter_config.json and adapter_model.safetensors.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/plugin/created.h"

namespace peftlab::plugin {

/// Throws ConfigError with the path: a file that is missing or broken, weights that are a pickle.
Adapter read_adapter(const std::filesystem::path& folder);

/// The model that an adapter was trained on.
struct BaseModel {
  std::string name;    // as the run was given it
  std::string sha256;  // of the source weights, before any storage: model::WeightSource::hash()
};

/// Writes the two files (keys sorted, indent 2) and a manifest, which names `base` where it is known; the folder
/// appears whole or not at all, and one that exists is replaced. Throws RunError when the disk refuses.
void write_adapter(const std::filesystem::path& folder, const Adapter& adapter,
                   const std::optional<BaseModel>& base = std::nullopt);

/// What the folder's manifest says the adapter was trained on; nothing where there is no manifest of peftlab's, as in
/// PEFT's folders, or it does not say. Throws ConfigError for a manifest that is no JSON or that names no model where
/// it should.
std::optional<BaseModel> trained_on(const std::filesystem::path& folder);

/// The method that an adapter belongs to, made with the adapter's options: asks every library; exactly one must accept.
/// Throws ConfigError beginning with `where` when none does, with what each said, or several do.
CreatedMethod create_from_adapter(const Adapter& adapter, const std::string& where);

}  // namespace peftlab::plugin
