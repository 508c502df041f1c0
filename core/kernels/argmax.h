// The most likely token of each row of logits.
#pragma once

#include <torch/types.h>

namespace peftlab::kernels {

/// logits (B, V), V >= 1 -> (B) int64 on the CPU: the first place of each row's largest logit. Not a number: any place.
torch::Tensor argmax_rows(const torch::Tensor& logits);

}  // namespace peftlab::kernels
