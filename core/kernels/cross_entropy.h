// The loss of the output head without keeping its logits.
#pragma once

#include <torch/types.h>

namespace peftlab::kernels {

/// Logits h W' + bias, then softcap * tanh(logit / softcap) unless softcap is 0: h (M, C), weight (V, C), bias (V) or
/// undefined -> (M, V) in h's type.
torch::Tensor logits(const torch::Tensor& h, const torch::Tensor& weight, const torch::Tensor& bias, double softcap);

/// Negative log-likelihood of each row's target under softmax(logits(h)): h (M, C), targets (M) int64 in 0 .. V-1 ->
/// (M), float32 (float64 for float64). Works through rows in chunks and keeps no logits: for a frozen head it keeps dh
/// alone, for a trained one it computes the logits again in the backward. Weight and bias gradients are summed in float32.
torch::Tensor linear_cross_entropy(const torch::Tensor& h, const torch::Tensor& weight, const torch::Tensor& bias,
                                   const torch::Tensor& targets, double softcap = 0.0);

namespace slow {
torch::Tensor linear_cross_entropy(const torch::Tensor& h, const torch::Tensor& weight, const torch::Tensor& bias,
                                   const torch::Tensor& targets, double softcap = 0.0);
}  // namespace slow

}  // namespace peftlab::kernels
