// sweep.json: every trial with its settings, score and end, and the choices.
#pragma once

#include <string>

#include "core/io/json.h"
#include "core/study/sweep.h"

namespace peftlab::study {

inline constexpr int kSweepVersion = 1;

/// Folders are told relative to the sweep's own, so that it can be moved. `identity`: of the sweep.
io::Json sweep_json(const SweepFile& file, const SweepResult& result, const std::string& identity);

/// Throws ConfigError where `folder` holds another sweep than this identity's.
void require_same_sweep(const std::filesystem::path& folder, const std::string& identity);

/// "learning_rate 0.001, rank 8".
std::string shown(const Point& settings);

}  // namespace peftlab::study
