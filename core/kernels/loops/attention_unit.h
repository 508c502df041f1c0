// One thread's share of attention over a tree in bfloat16, on the processor's matrix unit.
#pragma once

#include "core/kernels/loops/attention_worker.h"

namespace peftlab::kernels::loops {

/// Whether the two functions below can be called.
bool fits_unit(const AttentionShape& shape);

/// As attend. Probabilities are rounded to bfloat16 before they meet the values.
void attend_on_unit(const AttentionPlan& plan, const AttentionInputs<Bfloat16>& inputs, const std::vector<Work>& share,
                    Bfloat16* result, float* log_sums);

/// As attend_back. Probabilities and the gradients of scores are rounded to bfloat16 before the products that follow.
KeyGradients attend_back_on_unit(const AttentionPlan& plan, const AttentionInputs<Bfloat16>& inputs,
                                 const std::vector<Work>& share, const Bfloat16* d_result, const float* log_sums,
                                 const AttentionWants& wants, Bfloat16* dq);

}  // namespace peftlab::kernels::loops
