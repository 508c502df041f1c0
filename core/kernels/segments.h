// A batch as a tree of segments: who may look at whom.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace peftlab::kernels {

/// Rows [begin, end) of a batch. A token sees the tokens before it in its own segment and all tokens of its ancestors.
struct Segment {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t parent = -1;  // index of an earlier segment, or -1
  int64_t size() const { return end - begin; }
};

/// The segments tile rows 0 .. N-1 in order, parents before children. `positions` counts the tokens a token has before it on
/// its path from the root. Context rows (a cached prefix, learned keys and values) stand before every root and are seen by all.
struct Layout {
  std::vector<Segment> segments;
  torch::Tensor positions;          // (N) int64, on the CPU
  torch::Tensor context_positions;  // (S) int64, on the CPU, or undefined when there is no context
};

}  // namespace peftlab::kernels
