// Double quantisation (Dettmers et al., 2023, section 3): the scales of blocks, less their mean, in 8 bits with a scale
// for each 256. The codes are the signed dynamic map of Dettmers et al., 2021, https://arxiv.org/abs/2110.02861, as
// bitsandbytes makes it.
#pragma once

#include <array>
#include <cstdint>

namespace peftlab::quant {

inline constexpr int64_t kScaleBlock = 256;

/// The value of each 8-bit code, rising from -0.993 to 1.
const std::array<float, 256>& dynamic_map();

/// code[i] = the code nearest to (absmax[i] - offset) / absmax2[i / 256], of two equally near ones the lower; absmax2
/// is the largest magnitude of its 256. A difference of 0 has the code of 0.
void encode_scales(const float* absmax, int64_t num_blocks, float offset, uint8_t* codes, float* absmax2);

}  // namespace peftlab::quant
