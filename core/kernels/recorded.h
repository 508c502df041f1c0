// Names a fused operation for whoever listens to libtorch's record functions.
#pragma once

#include <ATen/record_function.h>

namespace peftlab::kernels {

/// From here to the end of the scope is one operation. Costs a branch where nobody listens.
class Recorded {
 public:
  explicit Recorded(const char* name) : guard_(at::RecordScope::FUNCTION) {
    if (guard_.isActive()) guard_.before(name);
  }

 private:
  at::RecordFunction guard_;
};

}  // namespace peftlab::kernels
