#include "core/quant/four_bit_tables.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace peftlab::quant {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The published constants. The quantiles they come from, computed again, differ in the last digits.
constexpr std::array<float, 16> kNf4 = {-1.0f,
                                        -0.6961928009986877f,
                                        -0.5250730514526367f,
                                        -0.39491748809814453f,
                                        -0.28444138169288635f,
                                        -0.18477343022823334f,
                                        -0.09105003625154495f,
                                        0.0f,
                                        0.07958029955625534f,
                                        0.16093020141124725f,
                                        0.24611230194568634f,
                                        0.33791524171829224f,
                                        0.44070982933044434f,
                                        0.5626170039176941f,
                                        0.7229568362236023f,
                                        1.0f};

// A sign, then twelfths by two bits of exponent and one of fraction, the smallest a sixteenth of one.
constexpr std::array<float, 16> kFp4 = {0.0f,         0.0052083333f, 0.6666667f,   1.0f,           0.33333334f, 0.5f,
                                        0.16666667f,  0.25f,         -0.0f,        -0.0052083333f, -0.6666667f, -1.0f,
                                        -0.33333334f, -0.5f,         -0.16666667f, -0.25f};

// Of the CUDA kernel: 4 of them lie one bit above the midpoint of the codes.
constexpr float kNf4Cuda[] = {
    -0.8480964004993439f,  -0.6106329262256622f,   -0.4599952697753906f, -0.33967943489551544f, -0.23460740596055984f,
    -0.13791173323988914f, -0.045525018125772476f, 0.03979014977812767f, 0.1202552504837513f,   0.2035212516784668f,
    0.2920137718319893f,   0.3893125355243683f,    0.5016634166240692f,  0.6427869200706482f,   0.8614784181118011f};
constexpr float kFp4Cuda[] = {0.00260417f, 0.0859375f, 0.20833333f, 0.29166667f, 0.4166667f, 0.583333f, 0.8333333f};
constexpr uint32_t kFp4Rising[] = {0, 1, 6, 7, 4, 5, 2, 3};

Search nf4_cuda() {
  Search s{};
  std::copy_n(kNf4Cuda, 15, s.thresholds);
  s.thresholds[15] = kInfinity;
  std::iota(s.code, s.code + 16, 0u);
  return s;
}

Search fp4_cuda() {
  Search s{};
  s.by_magnitude = true;
  std::fill_n(s.thresholds, 16, kInfinity);
  std::copy_n(kFp4Cuda, 7, s.thresholds);
  for (uint32_t rank = 0; rank < 8; ++rank) {
    s.code[rank] = kFp4Rising[rank];
    s.code[rank + 8] = kFp4Rising[rank] + 8;
  }
  return s;
}

/// Thresholds halfway between the codes in rising order; of two codes of one value the lower number comes first.
Search midpoints(const std::array<float, 16>& codes) {
  Search s{};
  std::iota(s.code, s.code + 16, 0u);
  std::stable_sort(s.code, s.code + 16, [&](uint32_t a, uint32_t b) { return codes[a] < codes[b]; });
  for (int i = 0; i < 15; ++i) s.thresholds[i] = (codes[s.code[i]] + codes[s.code[i + 1]]) / 2;
  s.thresholds[15] = kInfinity;
  return s;
}

}  // namespace

bool is_block_size(int64_t size) { return size >= kLeastBlock && size <= kLargestBlock && (size & (size - 1)) == 0; }

const char* name(FourBit type) { return type == FourBit::kNf4 ? "nf4" : "fp4"; }

const std::array<float, 16>& codes(FourBit type) { return type == FourBit::kNf4 ? kNf4 : kFp4; }

const Search& search(FourBit type, Rules rules) {
  static const Search nf4[] = {nf4_cuda(), midpoints(kNf4)};
  static const Search fp4[] = {fp4_cuda(), midpoints(kFp4)};
  return (type == FourBit::kNf4 ? nf4 : fp4)[rules == Rules::kCpu];
}

BlockScale block_scale(Rules rules, float absmax, bool is_short) {
  if (rules == Rules::kCuda) return {absmax, 1.0f / absmax, false, false};
  const float least = std::max(absmax, 1e-38f);
  if (is_short) return {least, least, true, true};
  return {absmax, 1.0f / least, false, true};
}

float through_float16(float x) {
  constexpr float kLeastNormal = 0x1p-14f, kOverflow = 65520.0f;  // from the second on the nearest float16 is infinity
  const float magnitude = std::fabs(x);
  if (!(magnitude < kOverflow)) return magnitude != magnitude ? x : std::copysign(kInfinity, x);
  if (magnitude < kLeastNormal)
    return std::copysign((magnitude + 0.5f) - 0.5f, x);  // float32 near 0.5 has float16's spacing here
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  return std::bit_cast<float>((bits + 0xFFFu + ((bits >> 13) & 1u)) & ~0x1FFFu);
}

}  // namespace peftlab::quant
