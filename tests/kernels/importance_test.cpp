#include "peftlab/importance.h"

#include <gtest/gtest.h>

#include "tests/support/tolerance.h"

namespace peftlab {
namespace {

Watched watched(const torch::Tensor& value, const torch::Tensor& gradient) {
  const auto p = test::leaf(value);
  p.mutable_grad() = gradient.to(value.scalar_type());
  return {p, torch::zeros_like(value), torch::zeros_like(value)};
}

TEST(Importance, FollowsItsEquationsOverSteps) {
  const Watched x = watched(torch::tensor({2.0, -3.0}, torch::kFloat64), torch::tensor({1.0, 0.5}));
  observe_importance({x}, {.mean = 0.75, .spread = 0.5});
  EXPECT_TRUE(torch::equal(x.mean, torch::tensor({0.5, 0.375}, torch::kFloat64)));
  EXPECT_TRUE(torch::equal(x.spread, torch::tensor({0.75, 0.5625}, torch::kFloat64)));
  observe_importance({x}, {.mean = 0.75, .spread = 0.5});
  EXPECT_TRUE(torch::equal(x.mean, torch::tensor({0.875, 0.65625}, torch::kFloat64)));
  EXPECT_TRUE(torch::equal(x.spread, torch::tensor({0.9375, 0.703125}, torch::kFloat64)));
}

TEST(Importance, LoopsEqualPlainOperationsInFloat64) {
  torch::manual_seed(1);
  std::vector<Watched> fast, plain;
  for (const int64_t size : {1, 7, 16, 100, 5000}) {
    const auto value = torch::randn({size}), gradient = torch::randn({size});
    fast.push_back(watched(value, gradient));
    plain.push_back(watched(value.to(torch::kFloat64), gradient));
  }
  for (int step = 0; step < 3; ++step) {
    for (auto* all : {&fast, &plain}) observe_importance(*all, {.mean = 0.85, .spread = 0.9});
  }
  for (size_t i = 0; i < fast.size(); ++i) {
    const double allowed = test::tolerance(torch::kFloat32, test::magnitude(plain[i].mean), 12);
    test::expect_close(fast[i].mean, plain[i].mean, allowed, "the mean");
    test::expect_close(fast[i].spread, plain[i].spread, allowed, "the spread");
  }
}

TEST(Importance, LeavesWhatHasNoGradient) {
  const Watched x = {test::leaf(torch::ones({3})), torch::ones({3}), torch::ones({3})};
  observe_importance({x}, {.mean = 0.5, .spread = 0.5});
  EXPECT_TRUE(torch::equal(x.mean, torch::ones({3})));
  EXPECT_TRUE(torch::equal(x.spread, torch::ones({3})));
}

}  // namespace
}  // namespace peftlab
