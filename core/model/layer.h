// One layer of the decoder.
#pragma once

#include <functional>

#include "core/model/weights.h"

namespace peftlab::model {

/// cos and sin of the rotation of each row: (N, R/2) each.
struct Rotation {
  torch::Tensor cos, sin;
};

/// Queries (N, H, D), keys and values (N, K, D) of the layer's rows, rotated -> what each row takes: (N, H, D).
using Attend = std::function<torch::Tensor(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v)>;

/// (N, C) -> (N, C): attention and MLP, each added to what came in.
torch::Tensor layer_forward(const DecoderSpec& spec, const Layer& layer, const torch::Tensor& h, const Rotation& rotation,
                            const Attend& attend);

/// (n, C) -> (n, C) by the specification's norm.
torch::Tensor normalise(const NormSpec& spec, const NormSlot& slot, const torch::Tensor& x);

}  // namespace peftlab::model
