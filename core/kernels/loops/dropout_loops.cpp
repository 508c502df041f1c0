#include "core/kernels/loops/dropout_loops.h"

#include "core/kernels/mixing.h"

namespace peftlab::kernels::loops {

namespace {

template <typename T>
PEFTLAB_INLINE void drop(const DropoutSpan& span, const T* __restrict x, T* __restrict y) {
  const uint64_t key = span.key, first = span.first, threshold = span.threshold;
  const float scale = span.scale;
  for (int64_t i = 0; i < span.n; ++i) {
    uint64_t bits = key + (first + static_cast<uint64_t>(i) + 1) * kGolden;
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9u;
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBu;
    const uint64_t draw = (bits ^ (bits >> 31)) >> 40;
    store(y + i, draw < threshold ? 0.0f : to_float(x[i]) * scale);
  }
}

}  // namespace

PEFTLAB_CLONES void dropout_span(const DropoutSpan& span, const float* x, float* y) { drop(span, x, y); }

PEFTLAB_CLONES void dropout_span(const DropoutSpan& span, const Bfloat16* x, Bfloat16* y) { drop(span, x, y); }

}  // namespace peftlab::kernels::loops
