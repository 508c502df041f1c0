// A penalty that keeps trained matrices orthonormal.
#pragma once

#include <torch/types.h>

#include <vector>

namespace peftlab {

/// The mean of ||A A' - I||_F over `rows` A, (rank, n) each, and ||B' B - I||_F over `columns` B, (n, rank) each: a
/// scalar with its gradients 2 (A A' - I) A / ||A A' - I||_F and 2 B (B' B - I) / ||B' B - I||_F, divided by the number
/// of matrices and zero where the norm is zero. Keeps A A' and B' B alone. REQUIRES: at least one matrix; all of one
/// type and device.
torch::Tensor orthogonality(const std::vector<torch::Tensor>& rows, const std::vector<torch::Tensor>& columns);

}  // namespace peftlab
