// Spans of dropout.
#pragma once

#include <cstdint>

#include "core/kernels/loops/bfloat16.h"

namespace peftlab::kernels::loops {

/// Elements first .. first + n - 1 of a tensor: x points at element `first`.
struct DropoutSpan {
  uint64_t key;
  uint64_t first;
  int64_t n;
  uint64_t threshold;  // an element whose 24-bit draw is below is zeroed
  float scale;
};

void dropout_span(const DropoutSpan& span, const float* x, float* y);
void dropout_span(const DropoutSpan& span, const Bfloat16* x, Bfloat16* y);

}  // namespace peftlab::kernels::loops
