#include "core/quant/ggml_blocks.h"

#include <gmock/gmock.h>

#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/io/files.h"
#include "core/io/gguf.h"
#include "peftlab/error.h"

namespace peftlab::quant {
namespace {

const std::string kGolden = std::string(PEFTLAB_SOURCE_DIR) + "/tests/golden/gguf/";

std::vector<float> expected_values() {
  const std::string bytes = io::read_file(kGolden + "expected.bin");
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

TEST(Dequantize, EqualsTheReferenceBitForBit) {
  const io::GgufFile file(kGolden + "blocks.gguf");
  const std::vector<float> expected = expected_values();
  size_t at = 0;
  for (const io::GgufTensor& tensor : file.tensors()) {
    EXPECT_EQ(tensor.name, name(tensor.type) + ".blocks");
    ASSERT_LE(at + tensor.num_elements(), expected.size());
    std::vector<float> values(tensor.num_elements());
    dequantize(tensor.type, tensor.data, values.size(), values.data());
    for (size_t i = 0; i < values.size(); ++i, ++at) {
      ASSERT_EQ(std::bit_cast<uint32_t>(values[i]), std::bit_cast<uint32_t>(expected[at]))
          << tensor.name << " element " << i << ": " << values[i] << ", expected " << expected[at];
    }
  }
  EXPECT_EQ(file.tensors().size(), 11u);
  EXPECT_EQ(at, expected.size());
}

/// The definition of IEEE 754 binary16, term by term.
float defined_half(uint16_t half) {
  const int exponent = half >> 10 & 31, fraction = half & 1023;
  const float sign = (half & 0x8000) != 0 ? -1.0f : 1.0f;
  if (exponent == 31) return fraction == 0 ? sign * INFINITY : NAN;
  return sign * (exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                               : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25));
}

TEST(Dequantize, ConvertsEveryHalf) {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  std::vector<float> values(halves.size());
  dequantize(GgmlType::kF16, reinterpret_cast<const std::byte*>(halves.data()), halves.size(), values.data());
  for (size_t i = 0; i < halves.size(); ++i) {
    const float expected = defined_half(halves[i]);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(values[i])) << i;
    } else {
      EXPECT_EQ(std::bit_cast<uint32_t>(values[i]), std::bit_cast<uint32_t>(expected)) << i;
    }
  }
}

TEST(Dequantize, ReadsUnalignedBlocks) {
  const io::GgufFile file(kGolden + "blocks.gguf");
  for (const io::GgufTensor& tensor : file.tensors()) {
    std::vector<std::byte> shifted(tensor.bytes + 1);
    std::memcpy(shifted.data() + 1, tensor.data, tensor.bytes);
    std::vector<float> straight(tensor.num_elements()), odd(tensor.num_elements());
    dequantize(tensor.type, tensor.data, straight.size(), straight.data());
    dequantize(tensor.type, shifted.data() + 1, odd.size(), odd.data());
    EXPECT_EQ(std::memcmp(straight.data(), odd.data(), straight.size() * sizeof(float)), 0) << tensor.name;
  }
}

TEST(Dequantize, PartsAtWholeBlocksEqualTheWhole) {
  const io::GgufFile file(kGolden + "blocks.gguf");
  for (const io::GgufTensor& tensor : file.tensors()) {
    std::vector<float> whole(tensor.num_elements()), parts(tensor.num_elements());
    dequantize(tensor.type, tensor.data, whole.size(), whole.data());
    const size_t first = whole.size() / block_size(tensor.type) / 3 * block_size(tensor.type);
    const size_t first_bytes = first / block_size(tensor.type) * block_bytes(tensor.type);
    dequantize(tensor.type, tensor.data, first, parts.data());
    dequantize(tensor.type, tensor.data + first_bytes, whole.size() - first, parts.data() + first);
    EXPECT_EQ(std::memcmp(whole.data(), parts.data(), whole.size() * sizeof(float)), 0) << tensor.name;
  }
}

TEST(Dequantize, RefusesOtherTypesByName) {
  float out[256];
  const std::byte block[512] = {};
  int num_refused = 0;
  for (uint32_t number = 0; number < 64; ++number) {
    const auto type = io::ggml_type(number);
    if (!type || can_dequantize(*type)) continue;
    ++num_refused;
    try {
      dequantize(*type, block, block_size(*type), out);
      ADD_FAILURE() << name(*type);
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("tensor type " + name(*type) + " is not supported; convert"));
    }
  }
  EXPECT_EQ(num_refused, 34 - 11);
  EXPECT_THROW(require_dequantizable(GgmlType::kIQ4_NL, "m.gguf: tensor 'a'"), ConfigError);
  EXPECT_NO_THROW(require_dequantizable(GgmlType::kQ6_K, "m.gguf: tensor 'a'"));
}

TEST(Dequantize, RefusesBrokenBlocks) {
  float out[32];
  const std::byte block[64] = {};
  EXPECT_THROW(dequantize(GgmlType::kQ4_0, block, 31, out), std::invalid_argument);
  EXPECT_NO_THROW(dequantize(GgmlType::kQ4_0, block, 0, nullptr));
}

TEST(Dequantize, SmolLM2LoadsFast) {
  const char* path = std::getenv("PEFTLAB_SMOLLM2_GGUF");
  if (path == nullptr) GTEST_SKIP() << "PEFTLAB_SMOLLM2_GGUF names no file";
  const auto start = std::chrono::steady_clock::now();
  const io::GgufFile file(path);
  const auto opened = std::chrono::steady_clock::now();
  size_t total = 0;
  for (const io::GgufTensor& tensor : file.tensors()) {
    std::vector<float> values(tensor.num_elements());
    dequantize(tensor.type, tensor.data, values.size(), values.data());
    total += values.size();
  }
  const auto done = std::chrono::steady_clock::now();
  const auto ms = [](auto a, auto b) { return std::chrono::duration<double, std::milli>(b - a).count(); };
  std::printf("open %.1f ms, dequantize %zu elements %.0f ms\n", ms(start, opened), total, ms(opened, done));
  EXPECT_GT(total, 134'000'000u);
  EXPECT_LT(ms(start, opened), 100);
  EXPECT_LT(ms(opened, done), 3000);
}

}  // namespace
}  // namespace peftlab::quant
