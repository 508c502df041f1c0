// A penalty that keeps the rows of trained matrices orthonormal.
#pragma once

#include <torch/types.h>

#include <vector>

namespace peftlab {

/// The mean of ||P P' - I||_F over `matrices` P, (rank, n) each (transposed views too): a scalar with its gradient
/// 2 (P P' - I) P / ||P P' - I||_F for each P, zero where the norm is zero. Keeps P P' alone.
/// REQUIRES: at least one matrix; all of one type and device.
torch::Tensor orthogonality(const std::vector<torch::Tensor>& matrices);

}  // namespace peftlab
