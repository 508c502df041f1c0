// What a trial changes in its experiment, and what is read from it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/lab/identity.h"
#include "core/study/sweep.h"

namespace peftlab::study {

/// The settings as --set takes them.
std::vector<std::string> overrides_of(const Point& settings);

/// Setting `number` of the experiment for `share` of the sweep's whole length. Throws ConfigError.
Trial planned_trial(const SweepFile& sweep, const Searched& experiment, const Point& settings, int64_t number,
                    double share, const std::filesystem::path& folder, lab::IdentityFinder& finder);

/// Reads score and seconds of a trial that finished; one without a finite score counts as failed.
void read_score(Trial& trial, const SweepFile& sweep);

}  // namespace peftlab::study
