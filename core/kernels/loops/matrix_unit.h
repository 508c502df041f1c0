// Products of bfloat16 tiles on the processor's matrix unit (AMX), summed in float32.
#pragma once

#include <cstdint>

#include "core/kernels/loops/bfloat16.h"
#include "core/kernels/loops/pairs.h"

namespace peftlab::kernels::loops {

inline constexpr int64_t kUnitSide = 16;   // rows and columns of a tile of sums
inline constexpr int64_t kUnitDepth = 32;  // terms that one instruction adds to each sum

constexpr int64_t unit_sides(int64_t n) { return (n + kUnitSide - 1) / kUnitSide * kUnitSide; }
constexpr int64_t unit_depths(int64_t k) { return (k + kUnitDepth - 1) / kUnitDepth * kUnitDepth; }

/// Whether the processor has the unit, the system gives it to this process, and no MatrixUnitOff lives.
bool has_matrix_unit();

/// While one lives, has_matrix_unit() says no: for tests, and to compare.
class MatrixUnitOff {
 public:
  MatrixUnitOff();
  ~MatrixUnitOff();
  MatrixUnitOff(const MatrixUnitOff&) = delete;
  MatrixUnitOff& operator=(const MatrixUnitOff&) = delete;
};

/// The unit set up for this thread. One at a time in a thread, and no libtorch product while it lives.
class MatrixUnit {
 public:
  MatrixUnit();
  ~MatrixUnit();
  MatrixUnit(const MatrixUnit&) = delete;
  MatrixUnit& operator=(const MatrixUnit&) = delete;
};

/// c (m, n) = a b, or c += a b with `add`; a (m, k), rows lda apart, b (k, n), c's rows ldc apart. m and n are
/// multiples of kUnitSide, k of kUnitDepth. The sum over k runs in order. Needs a MatrixUnit.
void unit_product(int64_t m, int64_t n, int64_t k, const Bfloat16* a, int64_t lda, Pairs b, float* c, int64_t ldc,
                  bool add);

}  // namespace peftlab::kernels::loops
