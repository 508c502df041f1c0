// Spans of gated activations.
#pragma once

#include <cstdint>

#include "core/kernels/loops/bfloat16.h"

namespace peftlab::kernels::loops {

enum class Gate { kSilu, kGeluTanh };

/// y = activation(gate) * up over n elements.
void gated_span(Gate kind, int64_t n, const float* gate, const float* up, float* y);
void gated_span(Gate kind, int64_t n, const Bfloat16* gate, const Bfloat16* up, Bfloat16* y);

/// d_gate and d_up for dy; either may be null when nobody wants it.
void gated_span_back(Gate kind, int64_t n, const float* gate, const float* up, const float* dy, float* d_gate, float* d_up);
void gated_span_back(Gate kind, int64_t n, const Bfloat16* gate, const Bfloat16* up, const Bfloat16* dy, Bfloat16* d_gate,
                     Bfloat16* d_up);

}  // namespace peftlab::kernels::loops
