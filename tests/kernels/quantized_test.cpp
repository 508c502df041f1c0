// Matrices in four bits as methods use them: products, gradients, error, memory, refusals.
#include "peftlab/quantized.h"

#include <gmock/gmock.h>

#include "core/kernels/decode_buffer.h"
#include "core/kernels/quantized_storage.h"
#include "peftlab/low_rank.h"
#include "tests/support/tolerance.h"

namespace peftlab::kernels {
namespace {

using test::message_of;
using testing::HasSubstr;

torch::Tensor matrix(int64_t out, int64_t in, torch::ScalarType type = torch::kFloat32) {
  return (torch::randn({out, in}) * 0.05).to(type);
}

QuantizationOptions options(const std::string& type = "nf4", bool is_double = true, int64_t block_size = 64) {
  QuantizationOptions made;
  made.type = type;
  made.double_quantization = is_double;
  made.block_size = block_size;
  return made;
}

class QuantizedOf : public testing::TestWithParam<torch::ScalarType> {};

TEST_P(QuantizedOf, DecodesAsPlainOperationsDo) {
  for (const auto* type : {"nf4", "fp4"}) {
    for (const bool is_double : {true, false}) {
      for (const auto& [out, in] : std::vector<std::pair<int64_t, int64_t>>{{64, 96}, {33, 7}, {1, 1}, {300, 257}}) {
        const auto storage = quantized_storage(matrix(out, in, GetParam()), options(type, is_double));
        for (const auto wanted : {torch::kFloat32, torch::kFloat64, torch::kBFloat16, torch::kHalf}) {
          const auto fast = dequantized(storage->tensors(), wanted);
          ASSERT_EQ(fast.sizes(), (std::vector<int64_t>{out, in}));
          EXPECT_TRUE(torch::equal(fast, slow::dequantized(storage->tensors(), wanted)))
              << type << " " << out << " x " << in << " " << wanted;
        }
      }
    }
  }
}

TEST_P(QuantizedOf, MultipliesAsTheDecodedMatrixDoes) {
  const auto weight = matrix(48, 80, GetParam());
  const auto storage = quantized(weight, options());
  EXPECT_EQ(storage->compute_type(), GetParam());
  EXPECT_EQ(storage->in(), 80);
  EXPECT_EQ(storage->out(), 48);
  EXPECT_EQ(storage->kind(), "nf4");
  const auto dense = std::make_shared<DenseStorage>(storage->dense());
  const auto x = torch::randn({5, 80}).to(GetParam()), dy = torch::randn({5, 48}).to(GetParam());
  EXPECT_TRUE(torch::equal(storage->multiply(x), dense->multiply(x)));
  EXPECT_TRUE(torch::equal(storage->multiply_back(dy), dense->multiply_back(dy)));
  const auto sum = torch::ones({dy.size(0), storage->in()}, dy.options()), dense_sum = sum.clone();
  storage->add_multiplied_back(dy, sum);
  dense->add_multiplied_back(dy, dense_sum);
  EXPECT_TRUE(torch::equal(sum, dense_sum));
  EXPECT_TRUE(torch::allclose(sum, 1 + dense->multiply_back(dy), /*rtol=*/0.01, /*atol=*/0.01));
}

TEST_P(QuantizedOf, GradientsAreThoseOfTheDecodedMatrix) {
  const auto storage = quantized(matrix(24, 40, GetParam()), options("fp4", false, 32));
  const FrozenLinear packed("m", 0, storage, {}), dense("m", 0, std::make_shared<DenseStorage>(storage->dense()), {});
  const auto wide = GetParam() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  const LowRankFactors factors{test::leaf(torch::randn({3, 40}, wide)), test::leaf(torch::randn({24, 3}, wide)), 0.5};
  const auto x = test::leaf(torch::randn({6, 40}).to(GetParam()));
  const std::vector<torch::Tensor> inputs{x, factors.down, factors.up};
  const auto y = low_rank_linear(packed, x, factors), expected = low_rank_linear(dense, x, factors);
  EXPECT_TRUE(torch::equal(y, expected));
  const auto dy = torch::randn_like(y);
  const auto got = test::gradients(y, dy, inputs), wanted = test::gradients(expected, dy, inputs);
  for (size_t i = 0; i < inputs.size(); ++i) EXPECT_TRUE(torch::equal(got[i], wanted[i])) << i;
}

INSTANTIATE_TEST_SUITE_P(Types, QuantizedOf, testing::Values(torch::kFloat32, torch::kBFloat16, torch::kFloat64));

TEST(Quantized, GradientAgreesWithDifferences) {
  const auto storage = quantized(matrix(8, 12, torch::kFloat64), options());
  const auto x = test::leaf(torch::randn({3, 12}, torch::kFloat64));
  test::expect_differences([&] { return frozen_linear(x, storage, {}); }, {x});
}

TEST(Quantized, BitsPerParameter) {
  const auto weight = matrix(512, 1024);
  const auto bits = [&](const QuantizationOptions& o) {
    return 8.0 * static_cast<double>(quantized(weight, o)->bytes()) / (512 * 1024);
  };
  EXPECT_NEAR(bits(options("nf4", true)), 4.127, 5e-4);
  EXPECT_EQ(bits(options("nf4", false)), 4.5);
  EXPECT_EQ(bits(options("fp4", false, 4096)), 4.0 + 32.0 / 4096);
}

TEST(Quantized, ErrorIsWhatItSays) {
  for (const auto type : {torch::kFloat32, torch::kBFloat16}) {
    const auto weight = matrix(256, 512, type) + 0.01;
    const auto storage = quantized_storage(weight, options());
    const auto difference = (storage->dense().to(torch::kFloat64) - weight.to(torch::kFloat64)).square().mean().sqrt();
    const double expected = (difference / weight.to(torch::kFloat64).std(/*unbiased=*/false)).item<double>();
    EXPECT_NEAR(storage->error()->relative(), expected,
                2e-3 * expected);  // decoded values were rounded to the matrix's type here
    EXPECT_GT(expected, 0.08);
    EXPECT_LT(expected, 0.11);
  }
}

TEST(Quantized, DoubleQuantisationCostsLittle) {
  const auto weight = matrix(256, 512);
  const double once = quantized_storage(weight, options("nf4", false))->error()->relative();
  const double twice = quantized_storage(weight, options("nf4", true))->error()->relative();
  EXPECT_NE(once, twice);
  EXPECT_LT(twice, 1.02 * once);
}

TEST(Quantized, AllMatricesShareOneBuffer) {
  const auto large = quantized(matrix(300, 500), options()), small = quantized(matrix(20, 30), options());
  large->multiply(torch::randn({2, 500}));
  const int64_t held = DecodeBuffer::bytes(torch::kCPU);
  EXPECT_GE(held, 300 * 500 * 4);
  const auto x = torch::randn({2, 30});
  const auto y = small->multiply(x);
  large->multiply_back(torch::randn({2, 300}));
  EXPECT_EQ(DecodeBuffer::bytes(torch::kCPU), held);
  EXPECT_TRUE(torch::equal(small->multiply(x), y));
}

TEST(Quantized, ComputesInTheTypeAskedFor) {
  auto how = options();
  how.compute_type = torch::kBFloat16;
  const auto storage = quantized(matrix(16, 32), how);
  const auto x = torch::randn({4, 32});
  const auto y = storage->multiply(x);
  EXPECT_EQ(y.scalar_type(), torch::kFloat32);
  EXPECT_TRUE(
      torch::equal(y, at::linear(x.to(torch::kBFloat16), storage->dense().to(torch::kBFloat16)).to(torch::kFloat32)));
  EXPECT_EQ(storage->dense().scalar_type(), torch::kFloat32);
  EXPECT_EQ(quantized_storage(matrix(16, 32, torch::kFloat64), how)->product_type(), torch::kFloat64);
}

TEST(Quantized, OneThreadOrMoreGiveTheSameBits) {
  const auto weight = matrix(700, 900);
  const auto threads = at::get_num_threads();
  const auto many = quantized_storage(weight, options());
  at::set_num_threads(1);
  const auto one = quantized_storage(weight, options());
  at::set_num_threads(threads);
  EXPECT_TRUE(torch::equal(one->tensors().packed, many->tensors().packed));
  EXPECT_TRUE(torch::equal(one->tensors().absmax, many->tensors().absmax));
  EXPECT_EQ(one->error()->relative(), many->error()->relative());
}

TEST(Quantized, RefusesWhatItCannotKeep) {
  const auto weight = matrix(4, 8);
  EXPECT_THAT(message_of([&] { quantized(weight, options("int4")); }),
              HasSubstr("type: four-bit storage is 'nf4' or 'fp4', got 'int4'"));
  for (int64_t size : {0, 16, 48, 8192}) {
    EXPECT_THAT(message_of([&] { quantized(weight, options("nf4", true, size)); }),
                HasSubstr("block_size: expected a power of two from 32 to 4096, got " + std::to_string(size)));
  }
  for (const auto type : {torch::kFloat32, torch::kBFloat16, torch::kHalf, torch::kFloat64}) {
    for (const double value : {NAN, INFINITY, -INFINITY}) {
      auto broken = matrix(80, 64, type);
      broken[72][3] = value;
      EXPECT_THAT(message_of([&] { quantized(broken, options()); }),
                  HasSubstr("the matrix has values that are not finite"));
    }
  }
  EXPECT_THAT(message_of([&] { quantized(torch::randn({3}), options()); }),
              HasSubstr("a matrix to quantise is (out, in)"));
}

TEST(Quantized, LargeValuesAreKept) {
  const auto storage = quantized_storage(torch::full({2, 64}, 1e30), options());
  EXPECT_TRUE(torch::allclose(storage->dense(), torch::full({2, 64}, 1e30), 1e-5));
}

}  // namespace
}  // namespace peftlab::kernels
