// A prefix as rows of numbers: the form it is trained, made and saved in.
#pragma once

#include <torch/types.h>

#include <vector>

#include "peftlab/points.h"

namespace peftlab {

/// Row v holds virtual token v: keys of a layer before its values, layer after layer.
class PrefixRows {
 public:
  PrefixRows() = default;
  explicit PrefixRows(const ModelShape& shape)
      : num_layers_(shape.num_layers), num_heads_(shape.num_kv_heads), head_width_(shape.head_width) {}

  int64_t token_dim() const { return num_heads_ * head_width_; }   // K D
  int64_t width() const { return 2 * num_layers_ * token_dim(); }  // 2 L K D

  /// (P, 2 L K D) -> one pair (P, K, D) for each layer
  std::vector<KeyValue> split(const torch::Tensor& rows) const;
  /// The inverse, on the CPU.
  static torch::Tensor joined(const std::vector<KeyValue>& all, torch::ScalarType type);

 private:
  int64_t num_layers_ = 0;  // L
  int64_t num_heads_ = 0;   // K
  int64_t head_width_ = 0;  // D
};

/// Keys and values that are trained as they are: the parameter `prompt_embeddings`, (P, 2 L K D).
class PrefixTable final : public PrefixPatch {
 public:
  PrefixTable(torch::Tensor start, const PrefixRows& rows)
      : rows_(rows), table_(register_parameter("prompt_embeddings", std::move(start))) {}
  std::vector<KeyValue> forward() override { return rows_.split(table_); }
  int64_t num_virtual_tokens() const override { return table_.size(0); }

 private:
  PrefixRows rows_;
  torch::Tensor table_;
};

}  // namespace peftlab
