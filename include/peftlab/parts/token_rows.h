// Chosen rows of the embedding table, trained in place of the table's own.
#pragma once

#include <torch/types.h>

#include <optional>
#include <vector>

#include "peftlab/points.h"
#include "peftlab/value.h"

namespace peftlab {

/// The ids in an option's value; nothing where it is no list of distinct numbers from 0, or an empty one.
std::optional<std::vector<int64_t>> token_ids_in(const Value& value);

/// Throws ConfigError that begins with the option `key` for an id that is no row of the table.
void check_token_ids(const std::vector<int64_t>& ids, const InjectionPoints& points, const std::string& key);

/// The rows of `ids` are replaced by the parameter `trainable_tokens_delta` (k, C), which holds the new rows, not a
/// difference; a head that is tied to the table follows.
class TokenRows final : public TablePatch {
 public:
  /// `ids`: distinct token ids; `rows`: (k, C), what they start from, in the trainable type. `nested`: the parameter
  /// lies in a module `token_adapter`, as PEFT names it where the rows are trained beside another method.
  TokenRows(const std::vector<int64_t>& ids, torch::Tensor rows, bool nested);

  torch::Tensor rows(const torch::Tensor& ids, const torch::Tensor& x) override;
  torch::Tensor head(const torch::Tensor& h, const torch::Tensor& logits) override;
  std::optional<torch::Tensor> merged(const torch::Tensor& table) const override;

 private:
  torch::Tensor rows_;    // (k, C), trained
  torch::Tensor ids_;     // (k), as they are given
  torch::Tensor sorted_;  // (k), the ids in order
  torch::Tensor places_;  // (k), of the sorted ids among the given ones
};

}  // namespace peftlab
