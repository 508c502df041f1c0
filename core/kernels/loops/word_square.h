// Sixteen registers of sixteen words, rows made columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/kernels/loops/wide_lane.h"

namespace peftlab::kernels::loops {

inline constexpr int64_t kSquare = kLaneWidth;

/// In two rows kDistance apart, the words whose places differ by kDistance change places across the diagonal.
template <int kDistance, size_t... kPlace>
PEFTLAB_INLINE void exchange(Bits& upper, Bits& lower, std::index_sequence<kPlace...>) {
  constexpr int kWords = kSquare;
  const Bits a = upper, b = lower;
  upper = __builtin_shufflevector(
      a, b, ((kPlace & kDistance) != 0 ? kWords + static_cast<int>(kPlace) - kDistance : static_cast<int>(kPlace))...);
  lower = __builtin_shufflevector(
      a, b, ((kPlace & kDistance) != 0 ? kWords + static_cast<int>(kPlace) : static_cast<int>(kPlace) + kDistance)...);
}

template <int kDistance>
PEFTLAB_INLINE void exchange_all(Bits* rows) {
  for (int i = 0; i < kSquare; ++i) {
    if ((i & kDistance) == 0) exchange<kDistance>(rows[i], rows[i + kDistance], std::make_index_sequence<kSquare>());
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
