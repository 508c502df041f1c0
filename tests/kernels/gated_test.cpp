#include "core/kernels/gated.h"

#include <gmock/gmock.h>

#include "tests/support/tolerance.h"

namespace peftlab::kernels {
namespace {

struct Case {
  torch::ScalarType type;
  Activation activation;
  std::vector<int64_t> sizes;
};

class Gated : public testing::TestWithParam<Case> {};

TEST_P(Gated, AgreesWithTwin) {
  const auto& param = GetParam();
  torch::manual_seed(1);
  const auto gate = test::leaf((torch::randn(param.sizes) * 6).to(param.type));
  const auto up = test::leaf(torch::randn(param.sizes).to(param.type));
  const auto dy = torch::randn(param.sizes).to(param.type);
  const auto fast = gated(gate, up, param.activation);
  const auto slow = slow::gated(gate, up, param.activation);
  ASSERT_EQ(fast.scalar_type(), param.type);
  test::expect_close(fast, slow, test::tolerance(param.type, test::magnitude(slow), 4), "y");
  const auto got = test::gradients(fast, dy, {gate, up}), expected = test::gradients(slow, dy, {gate, up});
  test::expect_close(got[0], expected[0], test::tolerance(param.type, test::magnitude(expected[0]), 16), "d gate");
  test::expect_close(got[1], expected[1], test::tolerance(param.type, test::magnitude(expected[1]), 16), "d up");
}

INSTANTIATE_TEST_SUITE_P(All, Gated,
                         testing::Values(Case{torch::kFloat32, Activation::kSilu, {7, 1536}},
                                         Case{torch::kFloat32, Activation::kGeluTanh, {3, 129}},
                                         Case{torch::kFloat32, Activation::kGelu, {3, 129}},
                                         Case{torch::kBFloat16, Activation::kSilu, {40, 1536}},
                                         Case{torch::kBFloat16, Activation::kGeluTanh, {2, 3, 17}},
                                         Case{torch::kBFloat16, Activation::kGelu, {5, 31}}));

TEST(Gated, TwinHasItsDifferences) {
  torch::manual_seed(2);
  const auto gate = test::leaf(torch::randn({2, 5}, torch::kFloat64));
  const auto up = test::leaf(torch::randn({2, 5}, torch::kFloat64));
  for (const auto activation : {Activation::kSilu, Activation::kGeluTanh, Activation::kGelu}) {
    test::expect_differences([&] { return gated(gate, up, activation); }, {gate, up});
    test::expect_differences([&] { return slow::gated(gate, up, activation); }, {gate, up});
    test::expect_differences([&] { return activate(gate, activation); }, {gate});
  }
}

TEST(Gated, StaysFiniteFarOut) {
  const auto gate = test::leaf(torch::tensor({-1e30f, -200.0f, -88.5f, 0.0f, 88.5f, 200.0f, 1e12f}));
  const auto up = torch::ones({7});
  for (const auto activation : {Activation::kSilu, Activation::kGeluTanh}) {
    const auto y = gated(gate, up, activation);
    const auto dx = test::gradients(y, torch::ones({7}), {gate})[0];
    EXPECT_TRUE(y.isfinite().all().item<bool>()) << y;
    EXPECT_TRUE(dx.isfinite().all().item<bool>()) << dx;
    EXPECT_EQ(y[0].item<float>(), 0.0f);
    EXPECT_EQ(y[6].item<float>(), 1e12f);
  }
}

TEST(Gated, KeepsWhatIsNotANumber) {
  const auto y = gated(torch::full({40}, NAN), torch::ones({40}), Activation::kSilu);
  EXPECT_TRUE(y.isnan().all().item<bool>());
}

TEST(Gated, GivesNoGradientNobodyWants) {
  const auto gate = torch::randn({4});
  const auto up = test::leaf(torch::randn({4}));
  const auto found = test::gradients(gated(gate, up, Activation::kSilu), torch::ones({4}), {gate, up});
  EXPECT_FALSE(found[0].defined());
  EXPECT_TRUE(found[1].defined());
}

TEST(Gated, RefusesUnlikeInputs) {
  EXPECT_THAT(test::message_of([] { gated(torch::ones({2}), torch::ones({3}), Activation::kSilu); }),
              testing::HasSubstr("gated: gate and up must be alike, got [2] Float and [3] Float"));
}

}  // namespace
}  // namespace peftlab::kernels
