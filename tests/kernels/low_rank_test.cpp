#include "peftlab/low_rank.h"

#include <gmock/gmock.h>

#include "core/kernels/grouped_low_rank.h"
#include "core/kernels/linear.h"
#include "tests/support/tolerance.h"

namespace peftlab {
namespace {

using kernels::LowRankPart;

FrozenLinear frozen(int64_t out, int64_t in, torch::ScalarType type, bool bias) {
  const auto weight = torch::randn({out, in}, torch::kFloat64).to(type);
  return {"layer.proj", 0, std::make_shared<DenseStorage>(weight),
          bias ? torch::randn({out}, torch::kFloat64).to(type) : torch::Tensor()};
}

LowRankFactors factors(int64_t out, int64_t in, int64_t rank, torch::ScalarType type, double scale = 0.5) {
  const auto wide = type == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  return {test::leaf(torch::randn({rank, in}, wide)), test::leaf(torch::randn({out, rank}, wide)), scale};
}

/// The same from plain operations in float32 or wider.
torch::Tensor plain(const FrozenLinear& base, const torch::Tensor& x, const LowRankFactors& f, const torch::Tensor& dropped = {}) {
  const auto type = f.down.scalar_type();
  const auto z = dropped.defined() ? dropped : x;
  const auto bias = base.bias().defined() ? base.bias().to(type) : torch::Tensor();
  const auto update = at::linear(at::linear(z.to(type), f.down), f.up) * f.scale;
  return at::linear(x.to(type), base.weight().to(type), bias) + update;
}

struct Case {
  torch::ScalarType type;
  std::vector<int64_t> lead;
  int64_t in, out, rank;
  bool bias, dropped;
};

class LowRank : public testing::TestWithParam<Case> {};

TEST_P(LowRank, AgreesWithPlainOperations) {
  const auto& param = GetParam();
  torch::manual_seed(1);
  const auto base = frozen(param.out, param.in, param.type, param.bias);
  const auto f = factors(param.out, param.in, param.rank, param.type);
  auto sizes = param.lead;
  sizes.push_back(param.in);
  const auto x = test::leaf(torch::randn(sizes, torch::kFloat64).to(param.type));
  const auto dropped = param.dropped ? test::leaf(x * (torch::rand(sizes) > 0.3)) : torch::Tensor();
  const auto fast = low_rank_linear(base, x, f, dropped);
  const auto slow = plain(base, x, f, dropped);
  ASSERT_EQ(fast.scalar_type(), param.type);
  const std::vector<torch::Tensor> inputs{x, f.down, f.up, dropped};
  const auto dy = torch::randn_like(fast);
  const auto got = test::gradients(fast, dy, inputs), expected = test::gradients(slow, dy, inputs);
  const int64_t terms = std::max(param.in, param.out) + x.numel() / param.in + param.rank;
  // Four roundings: of the factors, of the inner product, of the frozen product and of the sum.
  test::expect_close(fast, slow, test::tolerance(param.type, test::magnitude(slow), terms, 4), "y");
  const char* names[] = {"dx", "d down", "d up", "d dropped"};
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined()) continue;
    ASSERT_EQ(got[i].scalar_type(), inputs[i].scalar_type()) << names[i];
    test::expect_close(got[i], expected[i], test::tolerance(param.type, test::magnitude(expected[i]), terms, 4), names[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(All, LowRank,
                         testing::Values(Case{torch::kFloat32, {7}, 12, 20, 3, true, false},
                                         Case{torch::kFloat32, {2, 5}, 33, 8, 1, false, true},
                                         Case{torch::kBFloat16, {130}, 576, 192, 8, false, false},
                                         Case{torch::kBFloat16, {9}, 64, 100, 4, true, true},
                                         Case{torch::kFloat32, {4}, 6, 5, 0, true, false}));

TEST(LowRankLinear, HasItsDifferences) {
  torch::manual_seed(2);
  const auto base = frozen(4, 3, torch::kFloat64, true);
  const auto f = factors(4, 3, 2, torch::kFloat64, 1.5);
  const auto x = test::leaf(torch::randn({2, 2, 3}, torch::kFloat64)), z = test::leaf(torch::randn({2, 2, 3}, torch::kFloat64));
  test::expect_differences([&] { return low_rank_linear(base, x, f); }, {x, f.down, f.up});
  test::expect_differences([&] { return low_rank_linear(base, x, f, z); }, {x, z, f.down, f.up});
  test::expect_differences([&] { return base(x); }, {x});
}

TEST(LowRankLinear, GivesNoGradientNobodyWants) {
  const auto base = frozen(4, 3, torch::kFloat32, false);
  auto f = factors(4, 3, 2, torch::kFloat32);
  f.down = f.down.detach();
  const auto x = torch::randn({5, 3});
  const auto found = test::gradients(low_rank_linear(base, x, f), torch::ones({5, 4}), {x, f.down, f.up});
  EXPECT_FALSE(found[0].defined() || found[1].defined());
  test::expect_close(found[2], test::gradients(plain(base, x, f), torch::ones({5, 4}), {f.up})[0],
                     test::tolerance(torch::kFloat32, test::magnitude(found[2]), 8), "d up");
}

TEST(LowRankLinear, MergedComputesTheSame) {
  torch::manual_seed(3);
  for (const auto type : {torch::kFloat32, torch::kBFloat16, torch::kFloat64}) {
    const auto base = frozen(20, 12, type, true);
    const auto f = factors(20, 12, 3, type);
    const auto merged = low_rank_merged(base, f);
    ASSERT_EQ(merged.scalar_type(), f.up.scalar_type());
    EXPECT_FALSE(merged.requires_grad());
    const auto x = torch::randn({4, 12}, torch::kFloat64).to(type);
    const auto expected = at::linear(x.to(merged.scalar_type()), merged, base.bias().to(merged.scalar_type()));
    test::expect_close(low_rank_linear(base, x, f), expected, test::tolerance(type, test::magnitude(expected), 27, 4), "y");
  }
}

TEST(LowRankLinear, RefusesFactorsThatDoNotFit) {
  const auto base = frozen(4, 3, torch::kFloat32, false);
  const auto message = [&](const torch::Tensor& x, const LowRankFactors& f, const torch::Tensor& dropped = {}) {
    return test::message_of([&] { low_rank_linear(base, x, f, dropped); });
  };
  EXPECT_THAT(message(torch::ones({2, 3}), factors(4, 4, 2, torch::kFloat32)),
              testing::HasSubstr("layer.proj: factors of [4, 2] and [2, 4] do not fit a matrix of 4 x 3"));
  EXPECT_THAT(message(torch::ones({2, 5}), factors(4, 3, 2, torch::kFloat32)),
              testing::HasSubstr("layer.proj: a matrix of 4 x 3 cannot take x of [2, 5]"));
  EXPECT_THAT(message(torch::ones({2, 3}), factors(4, 3, 2, torch::kFloat32), torch::ones({3, 3})),
              testing::HasSubstr("layer.proj: dropped has shape [3, 3], x has [2, 3]"));
  EXPECT_THAT(test::message_of([&] { base(torch::ones({2, 5})); }),
              testing::HasSubstr("frozen_linear: a matrix of 4 x 3 cannot take x of [2, 5]"));
}

/// `least`: the smallest rank of a part.
void expect_equal_to_one_by_one(torch::ScalarType type, int64_t least) {
  const std::vector<FrozenLinear> bases{frozen(9, 16, type, true), frozen(3, 16, type, false),
                                        frozen(5, 16, type, false)};
  std::vector<LowRankPart> parts;
  std::vector<torch::Tensor> inputs{test::leaf(torch::randn({2, 11, 16}).to(type))};
  for (const auto& base : bases) {
    parts.push_back({&base, factors(base.out(), 16, least + base.out() % 4, type, 0.1 * base.out())});
    inputs.push_back(parts.back().factors.down);
    inputs.push_back(parts.back().factors.up);
  }
  const auto together = kernels::grouped_low_rank(inputs[0], parts);
  std::vector<torch::Tensor> alone;
  for (const auto& part : parts) alone.push_back(low_rank_linear(*part.base, inputs[0], part.factors));
  const auto joined = torch::cat(together, -1), expected = torch::cat(alone, -1);
  test::expect_close(joined, expected, test::tolerance(type, test::magnitude(expected), 16 + least + 4, 2), "y");
  const auto dy = torch::randn_like(joined);
  const auto got = test::gradients(joined, dy, inputs), right = test::gradients(expected, dy, inputs);
  for (size_t i = 0; i < inputs.size(); ++i) {
    test::expect_close(got[i], right[i], test::tolerance(type, test::magnitude(right[i]), 60, 4), "gradient");
  }
}

TEST(GroupedLowRank, EqualsOneByOne) {
  torch::manual_seed(4);
  // The second time the ranks together are beyond the loops' reach, and each alone is not.
  for (const int64_t least : {1, 13}) {
    for (const auto type : {torch::kFloat32, torch::kBFloat16}) expect_equal_to_one_by_one(type, least);
  }
}

TEST(TrainedLinear, ReachesAllThree) {
  torch::manual_seed(5);
  const auto x = test::leaf(torch::randn({3, 4}, torch::kFloat64)), weight = test::leaf(torch::randn({2, 4}, torch::kFloat64));
  const auto bias = test::leaf(torch::randn({2}, torch::kFloat64));
  test::expect_differences([&] { return kernels::trained_linear(x, weight, bias); }, {x, weight, bias});
  const auto master = test::leaf(torch::randn({2, 4}));
  const auto y = kernels::trained_linear(torch::randn({3, 4}).to(torch::kBFloat16), master, {});
  EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
  EXPECT_EQ(test::gradients(y, torch::ones_like(y), {master})[0].scalar_type(), torch::kFloat32);
}

TEST(DenseStorage, DescribesItself) {
  const DenseStorage storage(torch::zeros({3, 5}, torch::kBFloat16));
  EXPECT_EQ(storage.bytes(), 30);
  EXPECT_EQ(storage.kind(), "bfloat16");
  EXPECT_EQ(DenseStorage(torch::zeros({1, 1}, torch::kFloat64)).kind(), "float64");
  EXPECT_EQ(storage.in(), 5);
  EXPECT_EQ(storage.out(), 3);
  EXPECT_THAT(test::message_of([] { DenseStorage(torch::zeros({3})); }),
              testing::HasSubstr("a frozen matrix is (out, in), got [3]"));
}

}  // namespace
}  // namespace peftlab
