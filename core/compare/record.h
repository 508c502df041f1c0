// Reads what `peftlab run` left behind.
#pragma once

#include <filesystem>

#include "core/compare/run.h"
#include "core/io/json.h"

namespace peftlab::compare {

/// The newest result version that this program understands.
inline constexpr int kNewestResultVersion = 6;

/// Reads a run's folder, its run.json, or a result of PEFT's comparison suite. Never throws for what is in them: a
/// record that is missing, broken, of a newer version, unfinished, failed or without a score says so in `problem`, and
/// whatever could be read besides is there.
Run read_run(const std::filesystem::path& path);

/// The same from a record already read; `folder` holds predictions.jsonl and adapter/.
Run run_of(const io::Json& record, const std::filesystem::path& folder);

}  // namespace peftlab::compare
