// Holds fixed, between the passes of a gradient check, what `peftlab::constant` returns.
#pragma once

#include <torch/types.h>

#include <cstddef>
#include <vector>

namespace peftlab::kernels {

/// While one lives, the first pass records what `constant` returns, and each pass after `next_pass()` gets the same values in
/// the same order, whatever it computes. One at a time in a process; not together with checkpointing, which calls `constant`
/// out of order.
class ConstantGuard {
 public:
  ConstantGuard();
  ~ConstantGuard();
  ConstantGuard(const ConstantGuard&) = delete;
  ConstantGuard& operator=(const ConstantGuard&) = delete;

  /// Ends a pass. A replay that asked for fewer values than were recorded is an error.
  void next_pass();
  /// For `constant` alone: the value for the next place.
  torch::Tensor hold(const torch::Tensor& x);
  /// The living guard, or null.
  static ConstantGuard* current();

 private:
  std::vector<torch::Tensor> values_;
  size_t place_ = 0;
  bool recorded_ = false;
};

}  // namespace peftlab::kernels
