#include "core/kernels/cross_entropy.h"

#include <gmock/gmock.h>

#include "tests/support/tolerance.h"

namespace peftlab::kernels {
namespace {

struct Case {
  torch::ScalarType type;
  int64_t rows, width, vocab;
  double softcap = 0;
  bool bias = false;
};

struct Drawn {
  torch::Tensor h, weight, bias, targets;
};

Drawn draw(const Case& param, bool trained) {
  const auto make = [&](std::vector<int64_t> sizes, bool needs) {
    return torch::randn(sizes, torch::kFloat64).to(param.type).requires_grad_(needs);
  };
  return {make({param.rows, param.width}, true), make({param.vocab, param.width}, trained),
          param.bias ? make({param.vocab}, trained) : torch::Tensor(), torch::randint(param.vocab, {param.rows}, torch::kInt64)};
}

class LinearCrossEntropy : public testing::TestWithParam<std::tuple<Case, bool>> {};

TEST_P(LinearCrossEntropy, AgreesWithTwin) {
  const auto& [param, trained] = GetParam();
  torch::manual_seed(1);
  const auto [h, weight, bias, targets] = draw(param, trained);
  const auto fast = linear_cross_entropy(h, weight, bias, targets, param.softcap);
  const auto slow = slow::linear_cross_entropy(h, weight, bias, targets, param.softcap);
  ASSERT_EQ(fast.scalar_type(), torch::kFloat32);
  // Logits are rounded to the type in both; a product in another order may round to the neighbour.
  const double logit = test::magnitude(logits(h, weight, bias, 0.0)) + (param.bias ? test::magnitude(bias) : 0.0);
  test::expect_close(fast, slow, test::tolerance(param.type, logit, param.width, 2), "loss");
  const auto scale = torch::rand({param.rows}) * 3;
  const std::vector<torch::Tensor> inputs{h, weight, bias};
  const auto got = test::gradients(fast, scale, inputs), expected = test::gradients(slow, scale, inputs);
  // An error e of a logit changes a probability by at most e / 2, and each gradient by that times what it multiplies.
  const double slack = test::tolerance(param.type, logit, param.width, 1);
  const double wide = 3 * test::magnitude(weight), high = 3 * test::magnitude(h);
  const double sizes[] = {test::magnitude(expected[0]), trained ? test::magnitude(expected[1]) : 0, 3.0 * param.rows};
  const double drift[] = {slack * wide, slack * high * param.rows, slack * 3 * param.rows};
  for (size_t i = 0; i < 3; ++i) {
    const int64_t terms = i == 0 ? param.vocab : param.rows;
    if (expected[i].defined()) {
      test::expect_close(got[i], expected[i], test::tolerance(param.type, sizes[i], terms, 4) + drift[i], "gradient");
    } else {
      EXPECT_FALSE(got[i].defined());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, LinearCrossEntropy,
                         testing::Combine(testing::Values(Case{torch::kFloat32, 5, 16, 37}, Case{torch::kFloat32, 1, 3, 2},
                                                          Case{torch::kFloat32, 40, 24, 500, 2.0, true},
                                                          Case{torch::kFloat32, 700, 8, 49152},
                                                          Case{torch::kBFloat16, 33, 64, 1000},
                                                          Case{torch::kBFloat16, 9, 64, 1000, 3.0, true}),
                                          testing::Bool()));

TEST(CrossEntropy, HasItsDifferences) {
  torch::manual_seed(2);
  for (const double softcap : {0.0, 1.5}) {
    const auto [h, weight, bias, targets] = draw({torch::kFloat64, 4, 3, 6, softcap, true}, true);
    const auto frozen = weight.detach(), frozen_bias = bias.detach();
    const auto &x = h, &w = weight, &b = bias, &t = targets;
    test::expect_differences([&] { return linear_cross_entropy(x, w, b, t, softcap); }, {h, weight, bias});
    test::expect_differences([&] { return linear_cross_entropy(x, frozen, frozen_bias, t, softcap); }, {h});
    test::expect_differences([&] { return slow::linear_cross_entropy(x, w, b, t, softcap); }, {h, weight, bias});
  }
}

TEST(CrossEntropy, EqualsLibtorchsLoss) {
  torch::manual_seed(3);
  const auto [h, weight, bias, targets] = draw({torch::kFloat32, 20, 8, 50}, false);
  const auto expected = at::cross_entropy_loss(at::linear(h, weight), targets, {}, at::Reduction::None);
  test::expect_close(linear_cross_entropy(h, weight, bias, targets), expected,
                     test::tolerance(torch::kFloat32, test::magnitude(expected), 58), "loss");
}

TEST(CrossEntropy, TakesAMasterWeightOfAnotherType) {
  torch::manual_seed(4);
  const auto [h, weight, bias, targets] = draw({torch::kBFloat16, 6, 8, 20}, false);
  const auto master = test::leaf(weight.to(torch::kFloat32));
  const auto found = test::gradients(linear_cross_entropy(h, master, bias, targets), torch::ones({6}), {h, master});
  EXPECT_EQ(found[0].scalar_type(), torch::kBFloat16);
  EXPECT_EQ(found[1].scalar_type(), torch::kFloat32);
}

TEST(CrossEntropy, HugeLogitsStayFinite) {
  const auto h = test::leaf(torch::tensor({{1e4f, -1e4f}})), weight = torch::eye(2) * 1e4;
  const auto loss = linear_cross_entropy(h, weight, {}, torch::tensor({0}, torch::kInt64));
  EXPECT_EQ(loss.item<float>(), 0.0f);
  EXPECT_TRUE(test::gradients(loss, torch::ones({1}), {h})[0].isfinite().all().item<bool>());
}

TEST(CrossEntropy, TakesNoRows) {
  const auto h = test::leaf(torch::empty({0, 4}));
  const auto loss = linear_cross_entropy(h, torch::randn({5, 4}), {}, torch::empty({0}, torch::kInt64));
  EXPECT_EQ(loss.size(0), 0);
  EXPECT_EQ(test::gradients(loss, torch::ones({0}), {h})[0].sizes(), h.sizes());
}

TEST(CrossEntropy, RefusesWrongTargetsAndShapes) {
  const auto h = torch::zeros({2, 4}), weight = torch::zeros({5, 4});
  const auto message = [&](const torch::Tensor& x, const torch::Tensor& targets, const torch::Tensor& bias = {}) {
    return test::message_of([&] { linear_cross_entropy(x, weight, bias, targets); });
  };
  EXPECT_THAT(message(h, torch::tensor({1, 5}, torch::kInt64)), testing::HasSubstr("targets lie in 1 .. 5, expected 0 .. 4"));
  EXPECT_THAT(message(h, torch::tensor({-100, 0}, torch::kInt64)), testing::HasSubstr("targets lie in -100 .. 0"));
  EXPECT_THAT(message(h, torch::zeros({3}, torch::kInt64)), testing::HasSubstr("2 rows need as many int64 targets, got [3]"));
  EXPECT_THAT(message(torch::zeros({2, 3}), torch::zeros({2}, torch::kInt64)), testing::HasSubstr("got [2, 3], [5, 4] and []"));
  EXPECT_THAT(message(h, torch::zeros({2}, torch::kInt64), torch::zeros({4})), testing::HasSubstr("[5, 4] and [4]"));
}

}  // namespace
}  // namespace peftlab::kernels
