#include "peftlab/parts/whole_table.h"

#include <torch/types.h>
#include <torch/utils.h>

namespace peftlab {

WholeTable::WholeTable(torch::Tensor table) : weight_(register_parameter("weight", std::move(table))) {}

torch::Tensor WholeTable::rows(const torch::Tensor& ids, const torch::Tensor& x) {
  return at::embedding(weight_, ids).to(x.scalar_type());
}

std::optional<torch::Tensor> WholeTable::merged(const torch::Tensor&) const { return weight_.detach(); }

}  // namespace peftlab
