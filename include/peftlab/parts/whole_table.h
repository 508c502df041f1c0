// The embedding table trained whole where the head is tied to it.
#pragma once

#include <torch/types.h>

#include <optional>

#include "peftlab/points.h"

namespace peftlab {

/// The parameter `weight` (V, C), a trained copy of the table, gives the rows; a head that is tied to the table keeps
/// the frozen one, as PEFT has it: it puts a copy in the place of the lookup alone.
class WholeTable final : public TablePatch {
 public:
  /// `table`: (V, C), what it starts from, in the trainable type and of its own memory.
  explicit WholeTable(torch::Tensor table);

  torch::Tensor rows(const torch::Tensor& ids, const torch::Tensor& x) override;
  std::optional<torch::Tensor> merged(const torch::Tensor& table) const override;

 private:
  torch::Tensor weight_;  // (V, C), trained
};

}  // namespace peftlab
