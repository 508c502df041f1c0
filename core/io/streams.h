// Named streams of randomness. Every random choice draws from a seed that is a function of the run's seed, the name of its
// stream and what it is for, so that no choice depends on how many others were made before.
#pragma once

#include <cstdint>
#include <string_view>

namespace peftlab::io {

/// The streams a run has.
inline constexpr std::string_view kInitStream = "init";          // random starts of trainable tensors
inline constexpr std::string_view kOrderStream = "order";        // order of the training examples
inline constexpr std::string_view kDropoutStream = "dropout";
inline constexpr std::string_view kSamplingStream = "sampling";  // sampled generation

/// The first eight bytes, little-endian, of SHA-256("peftlab" 0 seed 0 stream 0 name 0 index), numbers written in decimal.
uint64_t stream_seed(uint64_t seed, std::string_view stream, std::string_view name = "", uint64_t index = 0);

}  // namespace peftlab::io
