#include "core/model/layer.h"

#include <algorithm>

#include "core/kernels/gated.h"
#include "core/kernels/grouped_low_rank.h"
#include "core/kernels/norm.h"
#include "core/kernels/rotary.h"
#include "peftlab/low_rank.h"

namespace peftlab::model {
namespace {

/// Linears of one input. Plain low-rank patches share their products.
std::vector<torch::Tensor> project(const std::vector<LinearSlot*>& slots, const torch::Tensor& x) {
  std::vector<kernels::LowRankPart> parts;
  for (const LinearSlot* slot : slots) {
    if (slots.size() < 2 || !slot->active()) break;
    const auto factors = slot->patch->factors();
    if (!factors) break;
    parts.push_back({&slot->base, *factors});
  }
  if (!parts.empty() && parts.size() == slots.size()) return kernels::grouped_low_rank(x, parts);
  std::vector<torch::Tensor> results;
  for (const LinearSlot* slot : slots) results.push_back((*slot)(x));
  return results;
}

struct Heads {
  torch::Tensor q, k, v;  // (N, H, D), (N, K, D), (N, K, D)
};

Heads query_key_value(const DecoderSpec& spec, const Layer& layer, const torch::Tensor& x) {
  const ModelShape& s = spec.shape;
  auto parts = project(layer.query_key_value, x);
  if (parts.size() == 1) {
    const int64_t kv = s.num_kv_heads * s.head_width;
    parts = parts[0].split_with_sizes({s.num_heads * s.head_width, kv, kv}, /*dim=*/-1);
  }
  return {parts[0].view({-1, s.num_heads, s.head_width}), parts[1].view({-1, s.num_kv_heads, s.head_width}),
          parts[2].view({-1, s.num_kv_heads, s.head_width})};
}

torch::Tensor attention_block(const DecoderSpec& spec, const Layer& layer, const torch::Tensor& x, const Rotation& rotation,
                              const Attend& attend) {
  Heads heads = query_key_value(spec, layer, x);
  if (layer.query_norm.weight != nullptr) {
    heads.q = normalise(spec.norm, layer.query_norm, heads.q);
    heads.k = normalise(spec.norm, layer.key_norm, heads.k);
  }
  if (spec.rotary.width > 0) {
    heads.q = kernels::rotate(heads.q, rotation.cos, rotation.sin, spec.rotary.pairs);
    heads.k = kernels::rotate(heads.k, rotation.cos, rotation.sin, spec.rotary.pairs);
  }
  const auto taken = attend(heads.q, heads.k, heads.v);
  return (*layer.attention_output)(taken.reshape({x.size(0), -1}));
}

torch::Tensor mlp_block(const DecoderSpec& spec, const Layer& layer, const torch::Tensor& x) {
  auto parts = project(layer.mlp_input, x);
  if (!spec.mlp.gated) return (*layer.mlp_output)(kernels::activate(parts[0], spec.mlp.activation));
  if (parts.size() == 1) parts = parts[0].chunk(2, /*dim=*/-1);
  return (*layer.mlp_output)(kernels::gated(parts[0], parts[1], spec.mlp.activation));
}

/// x itself where there is no norm.
torch::Tensor normalised_if(const NormSpec& spec, const NormSlot& slot, const torch::Tensor& x) {
  return slot.weight != nullptr ? normalise(spec, slot, x) : x;
}

}  // namespace

torch::Tensor normalise(const NormSpec& spec, const NormSlot& slot, const torch::Tensor& x) {
  if (spec.kind == NormKind::layer) return at::layer_norm(x, {x.size(-1)}, (*slot.weight)(), (*slot.bias)(), spec.epsilon);
  return kernels::rms_norm(x, (*slot.weight)(), spec.epsilon, {spec.plus_one, spec.cast_first});
}

torch::Tensor layer_forward(const DecoderSpec& spec, const Layer& layer, const torch::Tensor& h, const Rotation& rotation,
                            const Attend& attend) {
  const auto taken = attention_block(spec, layer, normalise(spec.norm, layer.attention_norm, h), rotation, attend);
  const auto after = h + normalised_if(spec.norm, layer.attention_post_norm, taken);
  const auto made = mlp_block(spec, layer, normalise(spec.norm, layer.mlp_norm, after));
  return after + normalised_if(spec.norm, layer.mlp_post_norm, made);
}

}  // namespace peftlab::model
