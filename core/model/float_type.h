// Floating-point types by the names that files give them.
#pragma once

#include <torch/types.h>

#include <string>

namespace peftlab::model {

/// REQUIRES: name is "float32", "bfloat16" or "float16".
inline torch::ScalarType float_type(const std::string& name) {
  return name == "bfloat16" ? torch::kBFloat16 : name == "float16" ? torch::kHalf : torch::kFloat32;
}

}  // namespace peftlab::model
