#include "core/kernels/rotary.h"

#include <gmock/gmock.h>

#include "tests/support/tolerance.h"

namespace peftlab::kernels {
namespace {

struct Angles {
  torch::Tensor cos, sin;  // (N, R/2)
};

Angles angles(int64_t rows, int64_t half) {
  const auto angle = torch::arange(rows).unsqueeze(1) * torch::pow(10000.0, -torch::arange(half) / double(half)).unsqueeze(0);
  return {angle.cos().to(torch::kFloat32), angle.sin().to(torch::kFloat32)};
}

struct Case {
  torch::ScalarType type;
  bool pairs;
  int64_t rows, heads, width, half;
};

class Rotary : public testing::TestWithParam<Case> {};

TEST_P(Rotary, HasTheBitsOfItsTwin) {
  const auto& param = GetParam();
  torch::manual_seed(1);
  const auto x = test::leaf(torch::randn({param.rows, param.heads, param.width}).to(param.type));
  const auto [cos, sin] = angles(param.rows, param.half);
  const auto fast = rotate(x, cos, sin, param.pairs);
  const auto slow = slow::rotate(x, cos, sin, param.pairs);
  EXPECT_TRUE(torch::equal(fast, slow));
  const auto dy = torch::randn_like(x);
  const auto got = test::gradients(fast, dy, {x}), expected = test::gradients(slow, dy, {x});
  test::expect_close(got[0], expected[0], test::tolerance(param.type, test::magnitude(expected[0]), 2, 2), "dx");
}

INSTANTIATE_TEST_SUITE_P(All, Rotary,
                         testing::Values(Case{torch::kFloat32, false, 37, 9, 64, 32}, Case{torch::kFloat32, true, 5, 3, 64, 16},
                                         Case{torch::kFloat32, false, 4, 1, 10, 3}, Case{torch::kBFloat16, false, 130, 9, 64, 32},
                                         Case{torch::kBFloat16, true, 3, 2, 7, 3}, Case{torch::kFloat32, false, 2, 2, 4, 0}));

TEST(Rotary, TwinHasItsDifferences) {
  torch::manual_seed(2);
  const auto x = test::leaf(torch::randn({3, 2, 6}, torch::kFloat64));
  const auto [cos, sin] = angles(3, 2);
  for (const bool pairs : {false, true}) {
    test::expect_differences([&x, &c = cos, &s = sin, pairs] { return rotate(x, c, s, pairs); }, {x});
  }
}

TEST(Rotary, ScoresDependOnDistanceAlone) {
  torch::manual_seed(3);
  const auto [cos, sin] = angles(20, 8);
  const auto q = torch::randn({1, 1, 16}).expand({20, 1, 16}).contiguous();
  const auto k = torch::randn({1, 1, 16}).expand({20, 1, 16}).contiguous();
  for (const bool pairs : {false, true}) {
    const auto a = rotate(q, cos, sin, pairs).squeeze(1), b = rotate(k, cos, sin, pairs).squeeze(1);
    const auto scores = a.matmul(b.t());
    const double allowed = 20 * test::tolerance(torch::kFloat32, test::magnitude(q) * test::magnitude(k) * 16, 16);
    EXPECT_NEAR(scores[3][1].item<double>(), scores[17][15].item<double>(), allowed);
    EXPECT_GT(std::abs(scores[3][1].item<double>() - scores[3][2].item<double>()), allowed);
  }
}

TEST(Rotary, RefusesAnglesThatDoNotFit) {
  EXPECT_THAT(test::message_of([] { rotate(torch::ones({2, 1, 4}), torch::ones({2, 3}), torch::ones({2, 3})); }),
              testing::HasSubstr("needs cos and sin (N, R/2) with R <= D, got [2, 1, 4], [2, 3] and [2, 3]"));
  EXPECT_THAT(test::message_of([] { rotate(torch::ones({2, 1, 4}), torch::ones({3, 2}), torch::ones({3, 2})); }),
              testing::HasSubstr("rotate: x (N, H, D)"));
}

}  // namespace
}  // namespace peftlab::kernels
