// Numbers that look random, made of a key and a place.
#pragma once

#include <cstdint>

namespace peftlab::kernels {

inline constexpr uint64_t kGolden = 0x9E3779B97F4A7C15u;

/// The output of SplitMix64 for one state: a bijection of 64 bits whose results pass the usual tests of randomness.
/// Reference: Steele, Lea & Flood, 2014.
constexpr uint64_t mixed(uint64_t x) {
  x += kGolden;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace peftlab::kernels
