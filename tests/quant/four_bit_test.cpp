// Four-bit codes: equal to bitsandbytes' CPU quantiser byte for byte, CUDA's thresholds at their borders, and the
// processor's table instructions equal to the portable loops.
#include "core/quant/four_bit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <random>
#include <vector>

#include "core/io/json.h"
#include "core/io/safetensors.h"
#include "core/quant/four_bit_tables.h"
#include "core/quant/four_bit_x86.h"
#include "core/quant/scales.h"

namespace peftlab::quant {
namespace {

const std::string kGolden = std::string(PEFTLAB_SOURCE_DIR) + "/tests/golden/nf4/tensors/";

template <typename T>
std::vector<T> values_of(const io::TensorView& view) {
  std::vector<T> values(view.bytes / sizeof(T));
  std::memcpy(values.data(), view.data, view.bytes);
  return values;
}

/// bfloat16 or float32 elements as float32.
std::vector<float> floats_of(const io::TensorView& view) {
  if (view.dtype == io::Dtype::kF32) return values_of<float>(view);
  std::vector<float> values;
  for (uint16_t bits : values_of<uint16_t>(view)) values.push_back(from_bfloat16(bits));
  return values;
}

struct Encoded {
  std::vector<uint8_t> packed;
  std::vector<float> absmax;
};

Encoded encoded(const std::vector<float>& x, const FourBitFormat& format, Rules rules) {
  const auto n = static_cast<int64_t>(x.size());
  Encoded result{std::vector<uint8_t>(packed_bytes(n)), std::vector<float>(format.num_blocks(n))};
  encode(format, rules, x.data(), n, 0, format.num_blocks(n), result.packed.data(), result.absmax.data());
  return result;
}

template <typename T>
std::vector<T> decoded(const Encoded& e, size_t n, const FourBitFormat& format, Rounding rounding) {
  std::vector<T> out(n);
  Scales scales;
  scales.absmax = e.absmax.data();
  decode(format, scales, rounding, e.packed.data(), static_cast<int64_t>(n), 0, static_cast<int64_t>(e.absmax.size()),
         out.data());
  return out;
}

struct Case {
  std::string file, source;
  FourBitFormat format;
  bool is_double;
  float offset;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto list = io::read_json(kGolden + "cases.json").value;
  for (const auto& one : list) {
    const auto& state = one.at("state");
    const auto type = state.at("quant_type") == "nf4" ? FourBit::kNf4 : FourBit::kFp4;
    all.push_back({one.at("file"),
                   one.at("source"),
                   {type, state.at("blocksize").get<int64_t>()},
                   state.contains("nested_offset"),
                   state.value("nested_offset", 0.0f)});
  }
  return all;
}

TEST(FourBit, CodesAndScalesEqualBitsandbytesCpu) {
  const io::SafetensorsFile sources(kGolden + "weights.safetensors");
  size_t compared = 0;
  for (const auto& c : cases()) {
    SCOPED_TRACE(c.file);
    const io::SafetensorsFile file(kGolden + c.file);
    const auto x = floats_of(sources.at(c.source));
    const auto e = encoded(x, c.format, Rules::kCpu);
    EXPECT_EQ(e.packed, values_of<uint8_t>(file.at("weight")));
    if (!c.is_double) {
      EXPECT_EQ(e.absmax, values_of<float>(file.at("weight.absmax")));
    }
    const auto map = values_of<float>(file.at("weight.quant_map"));
    for (size_t i = 0; i < 16; ++i) EXPECT_EQ(map.at(i), codes(c.format.type)[i]);
    ++compared;
  }
  EXPECT_EQ(compared, 50u);
}

TEST(FourBit, ScalesInEightBitsEqualBitsandbytes) {
  size_t exact = 0, adjacent = 0;
  const io::SafetensorsFile sources(kGolden + "weights.safetensors");
  for (const auto& c : cases()) {
    if (!c.is_double) continue;
    SCOPED_TRACE(c.file);
    const io::SafetensorsFile file(kGolden + c.file);
    const auto e = encoded(floats_of(sources.at(c.source)), c.format, Rules::kCpu);
    const auto n = static_cast<int64_t>(e.absmax.size());
    std::vector<uint8_t> found(e.absmax.size());
    std::vector<float> absmax2((n + 255) / 256);
    encode_scales(e.absmax.data(), n, c.offset, found.data(), absmax2.data());
    EXPECT_EQ(absmax2, values_of<float>(file.at("weight.nested_absmax")));
    EXPECT_EQ(std::vector<float>(dynamic_map().begin(), dynamic_map().end()),
              values_of<float>(file.at("weight.nested_quant_map")));
    const auto expected = values_of<uint8_t>(file.at("weight.absmax"));
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) {
      // Its look-up table of 65,536 bins decides between neighbours.
      EXPECT_LE(std::abs(int{found[i]} - int{expected[i]}), 1) << "block " << i;
      (found[i] == expected[i] ? exact : adjacent) += 1;
    }
  }
  EXPECT_GT(exact, 600u);
  EXPECT_LE(adjacent, 2u);
}

TEST(FourBit, DecodesWhatBitsandbytesWrote) {
  for (const auto& c : cases()) {
    SCOPED_TRACE(c.file);
    const io::SafetensorsFile file(kGolden + c.file);
    const auto& expected_view = file.at("dequantized");
    const auto expected = floats_of(expected_view);
    const auto n = static_cast<int64_t>(expected.size());
    const auto packed = values_of<uint8_t>(file.at("weight"));
    const auto absmax_bytes = values_of<uint8_t>(file.at("weight.absmax"));
    std::vector<float> plain, absmax2;
    Scales scales;
    if (c.is_double) {
      absmax2 = values_of<float>(file.at("weight.nested_absmax"));
      scales = {nullptr, absmax_bytes.data(), dynamic_map().data(), absmax2.data(), c.offset};
    } else {
      plain = values_of<float>(file.at("weight.absmax"));
      scales.absmax = plain.data();
    }
    const auto rounding = expected_view.dtype == io::Dtype::kBF16 ? Rounding::kBfloat16 : Rounding::kFloat32;
    std::vector<float> out(expected.size());
    std::vector<double> wide(expected.size());
    decode(c.format, scales, rounding, packed.data(), n, 0, c.format.num_blocks(n), out.data());
    decode(c.format, scales, rounding, packed.data(), n, 0, c.format.num_blocks(n), wide.data());
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(out[i], expected[i]) << i;
      ASSERT_EQ(wide[i], static_cast<double>(expected[i])) << i;
    }
  }
}

/// One block whose scale is 1 and whose other elements are `x`.
std::vector<float> with_scale_one(std::vector<float> x) {
  x.push_back(1.0f);
  x.resize(64, 0.0f);
  return x;
}

int first_code(float x, FourBit type, Rules rules) {
  return encoded(with_scale_one({x}), {type, 64}, rules).packed[0] >> 4;
}

TEST(FourBit, ATieTakesTheLowerCode) {
  for (const auto rules : {Rules::kCuda, Rules::kCpu}) {
    const auto& thresholds = search(FourBit::kNf4, rules).thresholds;
    for (int i = 0; i < 15; ++i) {
      EXPECT_EQ(first_code(thresholds[i], FourBit::kNf4, rules), i);
      EXPECT_EQ(first_code(std::nextafter(thresholds[i], 2.0f), FourBit::kNf4, rules), i + 1);
    }
  }
}

TEST(FourBit, CudaAndCpuDifferInFourThresholds) {
  std::vector<int> differing;
  for (int i = 0; i < 15; ++i) {
    const float cuda = search(FourBit::kNf4, Rules::kCuda).thresholds[i],
                cpu = search(FourBit::kNf4, Rules::kCpu).thresholds[i];
    if (cuda != cpu) differing.push_back(i);
    EXPECT_LE(std::abs(static_cast<int64_t>(std::bit_cast<uint32_t>(cuda)) -
                       static_cast<int64_t>(std::bit_cast<uint32_t>(cpu))),
              1);
  }
  EXPECT_EQ(differing, (std::vector<int>{0, 8, 12, 14}));
  EXPECT_EQ(std::bit_cast<uint32_t>(search(FourBit::kNf4, Rules::kCuda).thresholds[0]), 0xbf591cd9u);
  EXPECT_EQ(std::bit_cast<uint32_t>(search(FourBit::kNf4, Rules::kCpu).thresholds[0]), 0xbf591cd8u);
}

TEST(FourBit, Fp4TakesTheNearestCodeOfEitherSign) {
  for (int code = 0; code < 16; ++code) {
    const float value = codes(FourBit::kFp4)[code];
    // Both zeros become the positive one.
    EXPECT_EQ(first_code(value, FourBit::kFp4, Rules::kCuda), code == 8 ? 0 : code);
    EXPECT_EQ(first_code(value, FourBit::kFp4, Rules::kCpu), code == 8 ? 0 : code);
  }
  EXPECT_EQ(first_code(1e-4f, FourBit::kFp4, Rules::kCuda), 0);
  EXPECT_EQ(first_code(1e-4f, FourBit::kFp4, Rules::kCpu), 8);
  EXPECT_EQ(first_code(-0.3f, FourBit::kFp4, Rules::kCuda), 12);
}

TEST(FourBit, ABlockOfZerosFollowsTheRules) {
  const std::vector<float> zeros(64 + 33, 0.0f);
  const FourBitFormat format{FourBit::kNf4, 64};
  const auto cuda = encoded(zeros, format, Rules::kCuda), cpu = encoded(zeros, format, Rules::kCpu);
  EXPECT_EQ(cuda.packed, std::vector<uint8_t>(49, 0x00));
  EXPECT_EQ(cpu.packed, std::vector<uint8_t>(49, 0x77));
  EXPECT_EQ(cuda.absmax, (std::vector<float>{0.0f, 0.0f}));
  EXPECT_EQ(cpu.absmax, (std::vector<float>{0.0f, 1e-38f}));
  for (float x : decoded<float>(cuda, zeros.size(), format, Rounding::kFloat32)) EXPECT_EQ(x, 0.0f);
}

std::vector<float> noise(size_t n) {
  std::mt19937 generator(3);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  std::vector<float> x(n);
  for (auto& v : x) v = normal(generator);
  return x;
}

TEST(FourBit, TableInstructionsEqualThePortableLoops) {
  if (!x86::can_look_up()) GTEST_SKIP() << "this processor has no AVX-512";
  for (const size_t n : {64u, 63u, 1u, 4096u, 12345u}) {
    const auto x = noise(n);
    for (const auto type : {FourBit::kNf4, FourBit::kFp4}) {
      for (const auto rules : {Rules::kCuda, Rules::kCpu}) {
        for (const int64_t block : {32, 64, 4096}) {
          const FourBitFormat format{type, block};
          const auto fast = encoded(x, format, rules);
          for (const auto rounding : {Rounding::kFloat32, Rounding::kBfloat16, Rounding::kFloat16}) {
            const auto f32 = decoded<float>(fast, n, format, rounding);
            const auto bf16 = decoded<uint16_t>(fast, n, format, rounding);
            const x86::PortableOnly portable;
            EXPECT_EQ(decoded<float>(fast, n, format, rounding), f32);
            EXPECT_EQ(decoded<uint16_t>(fast, n, format, rounding), bf16);
          }
          const x86::PortableOnly portable;
          const auto slow = encoded(x, format, rules);
          EXPECT_EQ(slow.packed, fast.packed);
          EXPECT_EQ(slow.absmax, fast.absmax);
        }
      }
    }
  }
}

TEST(FourBit, ErrorIsAtMostHalfTheWidestGap) {
  const auto x = noise(1 << 14);
  const FourBitFormat format{FourBit::kNf4, 64};
  const auto e = encoded(x, format, Rules::kCuda);
  const auto out = decoded<float>(e, x.size(), format, Rounding::kFloat32);
  for (size_t i = 0; i < x.size(); ++i) EXPECT_LE(std::fabs(out[i] - x[i]), 0.153f * e.absmax[i / 64]);
}

TEST(FourBit, BlocksCanBeDoneApart) {
  const auto x = noise(1000);
  const FourBitFormat format{FourBit::kNf4, 64};
  const auto whole = encoded(x, format, Rules::kCuda);
  Encoded parts{std::vector<uint8_t>(whole.packed.size()), std::vector<float>(whole.absmax.size())};
  for (int64_t block = 15; block >= 0; --block) {
    encode(format, Rules::kCuda, x.data() + block * 64, 1000, block, block + 1, parts.packed.data(),
           parts.absmax.data());
  }
  EXPECT_EQ(parts.packed, whole.packed);
  EXPECT_EQ(parts.absmax, whole.absmax);
  const auto all = decoded<float>(whole, 1000, format, Rounding::kBfloat16);
  Scales scales;
  scales.absmax = whole.absmax.data();
  std::vector<float> last(1000 - 14 * 64);
  decode(format, scales, Rounding::kBfloat16, whole.packed.data(), 1000, 14, 16, last.data());
  EXPECT_TRUE(std::equal(last.begin(), last.end(), all.begin() + 14 * 64));
}

TEST(FourBit, AScaleOfWhatIsNotFiniteIsNotFinite) {
  for (const float value : {NAN, -NAN, INFINITY, -INFINITY}) {
    for (const size_t n : {64u, 40u}) {
      for (size_t place = 0; place < n; place += 13) {
        auto x = noise(n);
        x[place] = value;
        EXPECT_FALSE(std::isfinite(encoded(x, {FourBit::kNf4, 64}, Rules::kCuda).absmax[0]))
            << value << " at " << place;
        EXPECT_FALSE(std::isfinite(encoded(x, {FourBit::kNf4, 64}, Rules::kCpu).absmax[0])) << value << " at " << place;
      }
    }
  }
}

TEST(FourBit, BlockSizesArePowersOfTwoFrom32To4096) {
  for (int64_t size : {32, 64, 128, 256, 512, 1024, 2048, 4096}) EXPECT_TRUE(is_block_size(size));
  for (int64_t size : {-64, 0, 1, 16, 63, 65, 96, 8192}) EXPECT_FALSE(is_block_size(size));
}

TEST(FourBit, TheCpuDividesInAShortBlockAlone) {
  EXPECT_TRUE(block_scale(Rules::kCpu, 0.3f, /*is_short=*/true).divides);
  EXPECT_EQ(scaled(0.1f, block_scale(Rules::kCpu, 0.3f, true)), 0.1f / 0.3f);
  EXPECT_EQ(scaled(0.1f, block_scale(Rules::kCpu, 0.3f, false)), 0.1f * (1.0f / 0.3f));
  EXPECT_EQ(scaled(0.1f, block_scale(Rules::kCuda, 0.3f, true)), 0.1f * (1.0f / 0.3f));
  EXPECT_NE(0.1f / 0.3f, 0.1f * (1.0f / 0.3f));
}

TEST(FourBit, RoundsThroughFloat16) {
  const float cases[][2] = {{0.0f, 0.0f},
                            {1.0f, 1.0f},
                            {1.0f + 0x1p-11f, 1.0f},
                            {1.0f + 0x1.8p-10f, 1.0f + 0x1p-9f},
                            {65519.0f, 65504.0f},
                            {65520.0f, INFINITY},
                            {-1e9f, -INFINITY},
                            {0x1p-24f, 0x1p-24f},
                            {0x1p-25f, 0.0f},
                            {0x1.8p-24f, 0x1p-23f},
                            {0x1.ff8p-15f, 0x1.ff8p-15f},
                            {0x1.ffcp-15f, 0x1p-14f},
                            {-0x1.1p-24f, -0x1p-24f}};
  for (const auto& [x, expected] : cases) EXPECT_EQ(through_float16(x), expected) << x;
  EXPECT_TRUE(std::isnan(through_float16(NAN)));
}

TEST(Scales, EqualScalesAreTheOffset) {
  const std::vector<float> absmax(300, 0.25f);
  std::vector<uint8_t> found(300);
  std::vector<float> absmax2(2);
  encode_scales(absmax.data(), 300, 0.25f, found.data(), absmax2.data());
  const Scales scales{nullptr, found.data(), dynamic_map().data(), absmax2.data(), 0.25f};
  for (int64_t block : {0, 255, 256, 299}) EXPECT_EQ(scales(block), 0.25f);
  EXPECT_EQ(found[0], 127);
}

TEST(Scales, ATieTakesTheLowerCode) {
  const float middle = (dynamic_map()[254] + dynamic_map()[255]) / 2.0f;
  const float absmax[] = {1.0f, middle, std::nextafter(middle, 2.0f)};
  uint8_t found[3];
  float absmax2 = 0.0f;
  encode_scales(absmax, 3, 0.0f, found, &absmax2);
  EXPECT_EQ(found[1], 254);
  EXPECT_EQ(found[2], 255);
}

TEST(Scales, EveryCodeIsItsOwnNearest) {
  const auto& map = dynamic_map();
  std::vector<float> absmax(map.begin(), map.end());
  std::vector<uint8_t> found(256);
  float absmax2 = 0.0f;
  encode_scales(absmax.data(), 256, 0.0f, found.data(), &absmax2);
  EXPECT_EQ(absmax2, 1.0f);
  for (int i = 0; i < 256; ++i) EXPECT_EQ(found[i], i);
}

}  // namespace
}  // namespace peftlab::quant
