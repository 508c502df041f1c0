// From the tree of segments to a plan of blocks.
#pragma once

#include "core/kernels/attention.h"
#include "core/kernels/loops/attention_plan.h"

namespace peftlab::kernels {

/// The plan for a checked layout with `num_context` rows before every root.
loops::AttentionPlan plan_of(const Layout& layout, const loops::AttentionShape& shape, int64_t num_context,
                             const AttentionOptions& options);

}  // namespace peftlab::kernels
