#include "core/kernels/norm.h"

#include <gmock/gmock.h>

#include "tests/support/tolerance.h"

namespace peftlab::kernels {
namespace {

using test::expect_close;

struct Case {
  torch::ScalarType type;
  NormStyle style;
  std::vector<int64_t> sizes;
};

class Norm : public testing::TestWithParam<Case> {};

TEST_P(Norm, AgreesWithTwin) {
  const auto& param = GetParam();
  torch::manual_seed(1);
  const auto x = test::leaf(torch::randn(param.sizes).to(param.type) * 3);
  const auto weight = test::leaf((torch::randn({param.sizes.back()}) + 1).to(param.type));
  const auto dy = torch::randn(param.sizes).to(param.type);
  const auto fast = rms_norm(x, weight, 1e-5, param.style);
  const auto slow = slow::rms_norm(x, weight, 1e-5, param.style);
  ASSERT_EQ(fast.scalar_type(), param.type);
  const int64_t width = param.sizes.back();
  const int roundings = param.style.cast_first ? 2 : 1;
  expect_close(fast, slow, test::tolerance(param.type, test::magnitude(slow), width, roundings), "y");
  const auto got = test::gradients(fast, dy, {x, weight});
  const auto expected = test::gradients(slow, dy, {x, weight});
  // The gradients of x's two uses may cancel, and the twin rounds each before it adds them.
  const double rstd = test::magnitude(x.detach().to(torch::kFloat32).square().mean(-1).add(1e-5).rsqrt());
  const double term = test::magnitude(dy) * (test::magnitude(weight) + param.style.plus_one) * rstd;
  expect_close(got[0], expected[0], test::tolerance(param.type, term, width, 4), "dx");
  expect_close(got[1], expected[1], test::tolerance(param.type, test::magnitude(expected[1]), x.numel() / width, 2), "dw");
}

INSTANTIATE_TEST_SUITE_P(All, Norm,
                         testing::Values(Case{torch::kFloat32, {false, true}, {3, 64}},
                                         Case{torch::kFloat32, {true, false}, {200, 577}},
                                         Case{torch::kFloat32, {false, true}, {2, 5, 1}},
                                         Case{torch::kBFloat16, {false, true}, {130, 576}},
                                         Case{torch::kBFloat16, {true, false}, {7, 33}},
                                         Case{torch::kBFloat16, {false, false}, {1, 3, 40}}));

TEST(Norm, TwinHasItsDifferences) {
  torch::manual_seed(2);
  const auto x = test::leaf(torch::randn({3, 5}, torch::kFloat64));
  const auto weight = test::leaf(torch::randn({5}, torch::kFloat64));
  for (const bool plus_one : {false, true}) {
    test::expect_differences([&] { return rms_norm(x, weight, 1e-5, {plus_one, !plus_one}); }, {x, weight});
  }
}

TEST(Norm, RowsHaveUnitMeanSquare) {
  const auto y = rms_norm(torch::randn({4, 96}) * 50, torch::ones({96}), 0.0);
  expect_close(y.square().mean(-1), torch::ones({4}), test::tolerance(torch::kFloat32, 1.0, 96), "mean square");
}

TEST(Norm, GivesNoGradientNobodyWants) {
  const auto x = torch::randn({2, 8});
  const auto weight = test::leaf(torch::ones({8}));
  EXPECT_FALSE(rms_norm(x, weight.detach(), 1e-5).requires_grad());
  const auto found = test::gradients(rms_norm(x, weight, 1e-5), torch::ones({2, 8}), {x, weight});
  EXPECT_FALSE(found[0].defined());
  EXPECT_TRUE(found[1].defined());
}

TEST(Norm, SameBitsTwice) {
  torch::manual_seed(3);
  const auto x = test::leaf(torch::randn({501, 64}));
  const auto weight = test::leaf(torch::randn({64}));
  const auto dy = torch::randn({501, 64});
  const auto once = test::gradients(rms_norm(x, weight, 1e-5), dy, {x, weight});
  const auto again = test::gradients(rms_norm(x, weight, 1e-5), dy, {x, weight});
  EXPECT_TRUE(torch::equal(once[0], again[0]) && torch::equal(once[1], again[1]));
}

TEST(Norm, TakesStridedAndEmptyInputs) {
  const auto x = torch::randn({6, 4}).t();
  expect_close(rms_norm(x, torch::ones({6}), 1e-5), rms_norm(x.contiguous(), torch::ones({6}), 1e-5), 0.0, "strided");
  EXPECT_EQ(rms_norm(torch::empty({0, 4}), torch::ones({4}), 1e-5).size(0), 0);
}

TEST(Norm, RefusesAWeightOfAnotherWidth) {
  EXPECT_THAT(test::message_of([] { rms_norm(torch::ones({2, 4}), torch::ones({3}), 1e-5); }),
              testing::HasSubstr("rms_norm: x [2, 4] needs a weight of its last dimension, got [3]"));
}

}  // namespace
}  // namespace peftlab::kernels
