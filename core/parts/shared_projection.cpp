#include "peftlab/parts/shared_projection.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>

namespace peftlab {

SharedProjection::SharedProjection(int64_t rank, int64_t in, int64_t out, int64_t key, torch::ScalarType type) {
  auto generator = at::detail::createCPUGenerator(static_cast<uint64_t>(key));
  const auto draw = [&](int64_t rows, int64_t columns) {
    const double bound = std::sqrt(3.0) * (std::sqrt(2.0) / std::sqrt(static_cast<double>(columns)));
    return torch::empty({rows, columns}).uniform_(-bound, bound, generator).to(type);
  };
  a_ = register_buffer("vera_A", draw(rank, in));
  b_ = register_buffer("vera_B", draw(out, rank));
}

}  // namespace peftlab
