// Where things lie on this machine: the checkout or installed prefix, the cache, and files that lists name.
#pragma once

#include <filesystem>
#include <string>

namespace peftlab::lab {

/// $PEFTLAB_HOME, or the folder the launcher would choose: models, data, base results.
std::filesystem::path cache_folder();

/// The experiments folder: $PEFTLAB_EXPERIMENTS, or the one beside the program. Empty when there is none.
std::filesystem::path experiments_folder();

/// The file that `list` ("models.json" or "datasets.json") gives `name`, brought into the cache first where it is missing.
/// Throws ConfigError for a name the list lacks (naming the nearest) and RunError with the reason when it cannot be brought.
std::filesystem::path fetch(const std::string& list, const std::string& name);

/// Whether `list` has the name.
bool is_listed(const std::string& list, const std::string& name);

/// A model as people name it: a Hugging Face folder, a GGUF file, or a name of models.json, fetched where needed. Throws
/// ConfigError naming all three when it is none of them.
std::filesystem::path model_path(const std::string& name_or_path);

}  // namespace peftlab::lab
