#include "peftlab/parts/prefix_rows.h"

#include <torch/types.h>
#include <torch/utils.h>

namespace peftlab {

std::vector<KeyValue> PrefixRows::split(const torch::Tensor& rows) const {
  const auto parts =
      rows.view({rows.size(0), 2 * num_layers_, num_heads_, head_width_}).transpose(0, 1).contiguous().unbind(0);
  std::vector<KeyValue> all;
  for (size_t i = 0; i < parts.size(); i += 2) all.push_back({parts[i], parts[i + 1]});
  return all;
}

torch::Tensor PrefixRows::joined(const std::vector<KeyValue>& all, torch::ScalarType type) {
  std::vector<torch::Tensor> parts;  // (P, K, D) each
  for (const auto& [key, value] : all) parts.insert(parts.end(), {key.cpu().to(type), value.cpu().to(type)});
  return at::stack(parts, /*dim=*/1).flatten(1);
}

}  // namespace peftlab
