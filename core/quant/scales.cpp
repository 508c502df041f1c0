#include "core/quant/scales.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace peftlab::quant {
namespace {

constexpr int kExponents = 7;  // 10^-6 to 1

/// `count` numbers from 0.1 to 1 at equal distances, counted from the nearer end, each rounded once: as PyTorch's
/// linspace.
std::vector<float> boundaries(int count) {
  const float step = (1.0f - 0.1f) / static_cast<float>(count - 1);
  std::vector<float> values;
  for (int i = 0; i < count; ++i) {
    values.push_back(i < count / 2 ? std::fma(step, static_cast<float>(i), 0.1f)
                                   : std::fma(-step, static_cast<float>(count - i - 1), 1.0f));
  }
  return values;
}

std::array<float, 256> make_dynamic_map() {
  std::vector<float> values = {0.0f, 1.0f};
  for (int exponent = 0; exponent < kExponents; ++exponent) {
    const auto scale = static_cast<float>(std::pow(10.0, exponent - kExponents + 1));
    const auto ends = boundaries((1 << exponent) + 1);
    for (size_t i = 0; i + 1 < ends.size(); ++i) {
      const float mean = scale * ((ends[i] + ends[i + 1]) / 2.0f);
      values.push_back(mean);
      values.push_back(-mean);
    }
  }
  std::array<float, 256> map{};
  std::sort(values.begin(), values.end());
  std::copy(values.begin(), values.end(), map.begin());
  return map;
}

std::array<float, 255> midpoints() {
  std::array<float, 255> between{};
  const auto& map = dynamic_map();
  for (size_t i = 0; i < between.size(); ++i) between[i] = (map[i] + map[i + 1]) / 2.0f;
  return between;
}

/// How many of the rising `numbers` are below the value. Without a branch: which way a search goes cannot be foreseen.
uint8_t num_below(const std::array<float, 255>& numbers, float value) {
  size_t count = 0;
  for (size_t step = 128; step > 0; step /= 2) count += numbers[count + step - 1] < value ? step : 0;
  return static_cast<uint8_t>(count);
}

}  // namespace

const std::array<float, 256>& dynamic_map() {
  static const auto map = make_dynamic_map();
  return map;
}

void encode_scales(const float* absmax, int64_t num_blocks, float offset, uint8_t* codes, float* absmax2) {
  static const auto between = midpoints();
  for (int64_t begin = 0; begin < num_blocks; begin += kScaleBlock) {
    const int64_t end = std::min(begin + kScaleBlock, num_blocks);
    float largest = 0.0f;
    for (int64_t i = begin; i < end; ++i) largest = std::max(largest, std::fabs(absmax[i] - offset));
    absmax2[begin / kScaleBlock] = largest;
    for (int64_t i = begin; i < end; ++i) {
      const float value = largest > 0.0f ? (absmax[i] - offset) / largest : 0.0f;
      codes[i] = num_below(between, value);
    }
  }
}

}  // namespace peftlab::quant
