// Gradient checkpointing: a piece of the forward pass keeps its inputs alone and runs again in the backward pass.
#pragma once

#include <torch/types.h>

#include <functional>
#include <vector>

namespace peftlab::model {

/// Calls `piece` without a graph and, in the backward pass, again with one. `inputs` are handed to `piece`; `parameters` are
/// leaf tensors the piece reads by itself. Naming both makes gradients reach them even where the first input has none
/// (a frozen embedding). REQUIRES: `piece` computes the same numbers both times and outlives the backward pass.
/// Reference: Chen et al., 2016, https://arxiv.org/abs/1604.06174.
torch::Tensor recomputed(const std::function<torch::Tensor(const std::vector<torch::Tensor>&)>& piece,
                         const std::vector<torch::Tensor>& inputs, const std::vector<torch::Tensor>& parameters);

}  // namespace peftlab::model
