// A shuffle that gives the same order on every machine and with every standard library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace peftlab::data {

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t seed) : state_(seed) {}

  uint64_t operator()() {
    state_ += 0x9E3779B97F4A7C15ULL;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }

  /// Uniform in [0, bound). REQUIRES: bound > 0. Values that would favour small results are drawn again.
  uint64_t below(uint64_t bound) {
    const uint64_t excess = (0 - bound) % bound;  // 2^64 mod bound
    uint64_t value = (*this)();
    while (value < excess) value = (*this)();
    return value % bound;
  }

 private:
  uint64_t state_;
};

/// The generator of one use of a seed: `stream` is mixed in (FNV-1a), so that two uses never draw the same numbers.
inline SplitMix64 named_stream(uint64_t seed, std::string_view stream) {
  uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : stream) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return SplitMix64(SplitMix64(seed)() ^ hash);
}

/// Fisher and Yates, from the end: item i changes places with item below(i + 1).
template <typename T>
void shuffle(std::vector<T>& items, SplitMix64 random) {
  for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.below(i)]);
}

}  // namespace peftlab::data
