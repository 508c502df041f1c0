// Sixteen registers of sixteen words, rows made columns.
#pragma once

#include <cstdint>
#include <utility>

#include "core/kernels/loops/wide_lane.h"

namespace peftlab::kernels::loops {

inline constexpr int64_t kSquare = kLaneWidth;

/// Words of `a` and `b`, taken by their place in one after the other.
template <int... kPlaces>
PEFTLAB_INLINE void pick(const Bits& a, const Bits& b, Bits& to, std::integer_sequence<int, kPlaces...>) {
#if defined(__clang__)
  to = __builtin_shufflevector(a, b, kPlaces...);
#else
  to = __builtin_shuffle(a, b, Bits{kPlaces...});
#endif
}

/// In two rows kDistance apart, the words whose places differ by kDistance change places across the diagonal.
template <int kDistance, int... kPlace>
PEFTLAB_INLINE void exchange(Bits& upper, Bits& lower, std::integer_sequence<int, kPlace...>) {
  constexpr int kWords = kSquare;
  const Bits a = upper, b = lower;
  pick(a, b, upper,
       std::integer_sequence<int, ((kPlace & kDistance) != 0 ? kWords + kPlace - kDistance : kPlace)...>());
  pick(a, b, lower,
       std::integer_sequence<int, ((kPlace & kDistance) != 0 ? kWords + kPlace : kPlace + kDistance)...>());
}

template <int kDistance>
PEFTLAB_INLINE void exchange_all(Bits* rows) {
  for (int i = 0; i < kSquare; ++i) {
    if ((i & kDistance) == 0)
      exchange<kDistance>(rows[i], rows[i + kDistance], std::make_integer_sequence<int, kSquare>());
  }
}

/// Word j of row i becomes word i of row j.
PEFTLAB_INLINE void turn_square(Bits* rows) {
  exchange_all<1>(rows);
  exchange_all<2>(rows);
  exchange_all<4>(rows);
  exchange_all<8>(rows);
}

}  // namespace peftlab::kernels::loops
