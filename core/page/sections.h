// The parts of the page. Each returns nothing where no run of the group has anything for it.
#pragma once

#include "core/page/html.h"
#include "core/page/material.h"

namespace peftlab::page {

/// The table, what must be known to read it, and why rows have no result.
Html comparison_table(const Group& group);
/// Scores, differences to the baseline and forgetting, each with its interval.
Html intervals(const Group& group);
/// Quality against what it costs.
Html pareto_plots(const Group& group);
/// Training loss by useful tokens.
Html learning_curves(const Group& group);
/// Time and memory, phase by phase.
Html phases(const Group& group);
/// What methods say of themselves.
Html method_reports(const Group& group);
/// Singular values of what training changed.
Html weight_updates(const Group& group);
/// Items that were answered wrongly, side by side.
Html wrong_outputs(const Group& group);
/// Answers to free prompts, before and after.
Html free_answers(const Group& group);
/// Settings in which the rows differ.
Html differing_settings(const Group& group);
/// Versions, hashes and machines.
Html provenance(const Group& group);

}  // namespace peftlab::page
