// Whether an adapter meets the base model that it was trained on.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "core/lab/experiment.h"
#include "core/model/sources/weight_source.h"

namespace peftlab::lab {

/// Throws ConfigError naming both models where an adapter of `path` (as attach_adapter takes it) says that it was
/// trained on a model whose hash is not that of `base`. The files of `base` are read whole where an adapter names one,
/// else not at all. Hashes are of files: the same weights in another form have another, and the message names
/// --other-base.
void check_base(const std::filesystem::path& path, const model::WeightSource& base);

/// The same for the adapter that an experiment starts from, if it does and has no "other_base": the message has the place
/// of /adapter and names that key. `base`: the experiment's model; `hash`: gives its WeightSource::hash(), asked where
/// needed.
void check_base(const Experiment& experiment, const std::filesystem::path& base,
                const std::function<std::string()>& hash);

}  // namespace peftlab::lab
