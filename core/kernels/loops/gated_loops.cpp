#include "core/kernels/loops/gated_loops.h"

#include "core/kernels/loops/exponential.h"

namespace peftlab::kernels::loops {

namespace {

// Both activations are x * sigmoid(z(x)): silu with z = x, and, since 1 + tanh(u) = 2 sigmoid(2u), the approximate Gaussian
// unit with z = 2 sqrt(2 / pi) (x + 0.044715 x^3).
constexpr float kTwiceRoot = 1.5957691216057308f;
constexpr float kCubic = 0.044715f;

template <Gate kind>
PEFTLAB_INLINE float inner(float x) {
  return kind == Gate::kSilu ? x : kTwiceRoot * x * (1.0f + kCubic * x * x);
}

template <Gate kind>
PEFTLAB_INLINE float inner_slope(float x) {
  return kind == Gate::kSilu ? 1.0f : kTwiceRoot * (1.0f + 3.0f * kCubic * x * x);
}

template <Gate kind, typename T>
PEFTLAB_INLINE void forward(int64_t n, const T* __restrict gate, const T* __restrict up, T* __restrict y) {
  for (int64_t i = 0; i < n; ++i) {
    const float x = to_float(gate[i]);
    store(y + i, x * sigmoid(inner<kind>(x)) * to_float(up[i]));
  }
}

/// activation(x) and its slope.
struct Opened {
  float value, slope;
};

template <Gate kind>
PEFTLAB_INLINE Opened opened(float x) {
  const float open = sigmoid(inner<kind>(x));
  // Far out the slope grows without bound while the sigmoid is flat to the last bit: their product is 0.
  const float flat = open * (1.0f - open);
  const float bend = flat == 0.0f ? 0.0f : x * flat * inner_slope<kind>(x);
  return {x * open, open + bend};
}

template <Gate kind, typename T>
PEFTLAB_INLINE void back(int64_t n, const T* __restrict gate, const T* __restrict up, const T* __restrict dy,
                         T* __restrict d_gate, T* __restrict d_up) {
  if (d_gate != nullptr && d_up != nullptr) {
    for (int64_t i = 0; i < n; ++i) {
      const Opened y = opened<kind>(to_float(gate[i]));
      store(d_gate + i, to_float(dy[i]) * to_float(up[i]) * y.slope);
      store(d_up + i, to_float(dy[i]) * y.value);
    }
  } else if (d_gate != nullptr) {
    for (int64_t i = 0; i < n; ++i) {
      store(d_gate + i, to_float(dy[i]) * to_float(up[i]) * opened<kind>(to_float(gate[i])).slope);
    }
  } else if (d_up != nullptr) {
    for (int64_t i = 0; i < n; ++i) store(d_up + i, to_float(dy[i]) * opened<kind>(to_float(gate[i])).value);
  }
}

template <typename T>
PEFTLAB_INLINE void forward_of(Gate kind, int64_t n, const T* gate, const T* up, T* y) {
  if (kind == Gate::kSilu) {
    forward<Gate::kSilu>(n, gate, up, y);
  } else {
    forward<Gate::kGeluTanh>(n, gate, up, y);
  }
}

template <typename T>
PEFTLAB_INLINE void back_of(Gate kind, int64_t n, const T* gate, const T* up, const T* dy, T* d_gate, T* d_up) {
  if (kind == Gate::kSilu) {
    back<Gate::kSilu>(n, gate, up, dy, d_gate, d_up);
  } else {
    back<Gate::kGeluTanh>(n, gate, up, dy, d_gate, d_up);
  }
}

}  // namespace

PEFTLAB_CLONES void gated_span(Gate kind, int64_t n, const float* gate, const float* up, float* y) {
  forward_of(kind, n, gate, up, y);
}

PEFTLAB_CLONES void gated_span(Gate kind, int64_t n, const Bfloat16* gate, const Bfloat16* up, Bfloat16* y) {
  forward_of(kind, n, gate, up, y);
}

PEFTLAB_CLONES void gated_span_back(Gate kind, int64_t n, const float* gate, const float* up, const float* dy, float* d_gate,
                                    float* d_up) {
  back_of(kind, n, gate, up, dy, d_gate, d_up);
}

PEFTLAB_CLONES void gated_span_back(Gate kind, int64_t n, const Bfloat16* gate, const Bfloat16* up, const Bfloat16* dy,
                                    Bfloat16* d_gate, Bfloat16* d_up) {
  back_of(kind, n, gate, up, dy, d_gate, d_up);
}

}  // namespace peftlab::kernels::loops
