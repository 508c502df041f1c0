// Root mean square normalisation of rows.
#pragma once

#include <torch/types.h>

namespace peftlab::kernels {

/// How families differ in applying the weight.
struct NormStyle {
  bool plus_one = false;   // multiply by 1 + weight (Gemma)
  bool cast_first = true;  // round the normalised row to x's type before multiplying (Llama); otherwise after (Gemma)
};

/// x / sqrt(mean(x^2) + eps) * weight over the last dimension: x (..., C), weight (C) -> (..., C) in x's type. The mean is in
/// float32 (float64 for float64). Keeps x and one number a row for the backward; the weight's gradient, summed in float32,
/// is made only when the weight needs one. The weight may have another floating type than x.
/// Reference: Zhang & Sennrich, 2019.
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps, NormStyle style = {});

namespace slow {
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps, NormStyle style = {});
}  // namespace slow

}  // namespace peftlab::kernels
