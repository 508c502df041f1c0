// Fixtures made by other libraries, under tests/golden.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/model/batch.h"
#include "core/plugin/tensor_file.h"

namespace peftlab::test {

inline std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(PEFTLAB_SOURCE_DIR) / "tests" / "golden" / name;
}

inline Tensors golden_tensors(const std::string& name) { return plugin::read_tensors(golden(name)); }

/// The rows of (B, T) tensors as sequences, masked places left out.
inline std::vector<model::Sequence> sequences(const torch::Tensor& ids, const torch::Tensor& mask, const torch::Tensor& labels = {}) {
  std::vector<model::Sequence> result;
  for (int64_t row = 0; row < ids.size(0); ++row) {
    model::Sequence sequence;
    for (int64_t i = 0; i < ids.size(1); ++i) {
      if (mask[row][i].item<int64_t>() == 0) continue;
      sequence.ids.push_back(ids[row][i].item<int64_t>());
      sequence.labels.push_back(labels.defined() ? labels[row][i].item<int64_t>() : model::kNoLabel);
    }
    result.push_back(sequence);
  }
  return result;
}

/// The largest difference.
inline double difference(const torch::Tensor& a, const torch::Tensor& b) {
  TORCH_CHECK(a.sizes() == b.sizes(), "shapes ", a.sizes(), " and ", b.sizes());
  return a.numel() == 0 ? 0.0 : (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
}

}  // namespace peftlab::test
