#include "core/kernels/dropout_clock.h"

#include <gmock/gmock.h>

#include "core/kernels/constant_guard.h"
#include "peftlab/ops.h"
#include "tests/support/tolerance.h"

namespace peftlab {
namespace {

using kernels::ConstantGuard;
using kernels::set_dropout_clock;

torch::Tensor mask(int64_t n, double p, uint64_t salt, torch::ScalarType type = torch::kFloat32) {
  return peftlab::dropout(torch::ones({n}, type), p, salt);
}

TEST(Dropout, ZeroesItsShareAndScalesTheRest) {
  set_dropout_clock(1, 2, 3);
  constexpr int64_t kCount = 1 << 18;
  for (const double p : {0.05, 0.1, 0.5, 0.9}) {
    const auto y = mask(kCount, p, 7);
    const double dropped = y.eq(0).sum().item<double>() / kCount;
    EXPECT_NEAR(dropped, p, 5 * std::sqrt(p * (1 - p) / kCount));
    EXPECT_TRUE(torch::logical_or(y.eq(0), y.eq(static_cast<float>(1 / (1 - p)))).all().item<bool>());
  }
}

TEST(Dropout, NeighboursAreIndependent) {
  set_dropout_clock(1, 2, 3);
  constexpr int64_t kCount = 1 << 18;
  const auto y = mask(kCount, 0.5, 7) - 1;  // -1 or 1
  for (const int64_t lag : {1, 2, 3, 16, 576, 1000}) {
    const double correlation = (y.slice(0, lag) * y.slice(0, 0, kCount - lag)).mean().item<double>();
    EXPECT_LT(std::abs(correlation), 5 / std::sqrt(double(kCount))) << lag;
  }
}

TEST(Dropout, IsAFunctionOfClockAndSalt) {
  const auto at = [](uint64_t seed, int64_t step, int64_t micro_batch, uint64_t salt) {
    set_dropout_clock(seed, step, micro_batch);
    return mask(4096, 0.5, salt);
  };
  const auto first = at(1, 2, 3, 4);
  EXPECT_TRUE(torch::equal(first, at(1, 2, 3, 4)));
  for (const auto& other : {at(2, 2, 3, 4), at(1, 3, 3, 4), at(1, 2, 4, 4), at(1, 2, 3, 5), at(1, 3, 2, 4)}) {
    EXPECT_NEAR(first.eq(other).to(torch::kFloat32).mean().item<double>(), 0.5, 0.05);
  }
}

TEST(Dropout, TypesAndThreadsShareAMask) {
  set_dropout_clock(9, 0, 0);
  const int threads = at::get_num_threads();
  const auto wide = mask(100003, 0.3, 1, torch::kFloat64);  // plain operations
  for (const int count : {1, 3}) {
    at::set_num_threads(count);
    EXPECT_TRUE(torch::equal(mask(100003, 0.3, 1).eq(0), wide.eq(0)));
    EXPECT_TRUE(torch::equal(mask(100003, 0.3, 1, torch::kBFloat16).eq(0), wide.eq(0)));
  }
  at::set_num_threads(threads);
}

TEST(Dropout, GradientWearsTheSameMask) {
  set_dropout_clock(9, 0, 0);
  for (const auto type : {torch::kFloat32, torch::kFloat64, torch::kBFloat16}) {
    const auto x = test::leaf(torch::ones({50, 3}, type));
    const auto y = peftlab::dropout(x, 0.4, 2);
    set_dropout_clock(9, 1, 0);  // the clock may run on before the backward
    EXPECT_TRUE(torch::equal(test::gradients(y, torch::ones_like(y), {x})[0], y.detach()));
    set_dropout_clock(9, 0, 0);
  }
}

TEST(Dropout, ZeroIsTheIdentityAndOneIsRefused) {
  const auto x = torch::randn({3});
  EXPECT_TRUE(peftlab::dropout(x, 0.0, 1).is_same(x));
  EXPECT_THAT(test::message_of([&] { peftlab::dropout(x, 1.0, 1); }), testing::HasSubstr("must lie in [0, 1), got 1"));
  EXPECT_THAT(test::message_of([&] { peftlab::dropout(x, -0.1, 1); }), testing::HasSubstr("must lie in [0, 1), got -0.1"));
}

TEST(Dropout, CanBeSwitchedOffForAWhile) {
  const auto x = torch::ones({64});
  const auto before = kernels::num_dropout_draws();
  {
    const kernels::DropoutOff off;
    EXPECT_TRUE(peftlab::dropout(x, 0.5, 1).is_same(x));
  }
  EXPECT_EQ(kernels::num_dropout_draws(), before);
  EXPECT_FALSE(torch::equal(peftlab::dropout(x, 0.5, 1), x));
}

TEST(Dropout, SaltsDiffer) {
  EXPECT_NE(salt_of("model.layers.1.q"), salt_of("model.layers.2.q"));
  EXPECT_NE(salt_of(""), salt_of(std::string_view("\0", 1)));
  EXPECT_EQ(salt_of("a"), salt_of("a"));
}

TEST(Constant, StopsTheGradient) {
  const auto x = test::leaf(torch::randn({3}));
  EXPECT_FALSE(constant(x * 2).requires_grad());
}

TEST(Constant, GuardHoldsTheFirstPass) {
  const auto pass = [](double by) { return constant(torch::full({2}, by)) + constant(torch::full({1}, 10 * by)); };
  {
    ConstantGuard guard;
    EXPECT_EQ(pass(1)[0].item<float>(), 11);
    guard.next_pass();
    EXPECT_EQ(pass(2)[0].item<float>(), 11);
    guard.next_pass();
    EXPECT_EQ(pass(3)[0].item<float>(), 11);
  }
  EXPECT_EQ(pass(2)[0].item<float>(), 22);
}

TEST(Constant, GuardRefusesAnotherCourse) {
  const auto one = torch::ones({2});
  ConstantGuard guard;
  constant(one);
  constant(one);
  guard.next_pass();
  constant(one);
  EXPECT_THAT(test::message_of([&] { guard.next_pass(); }), testing::HasSubstr("this pass asked for 1 constants, the first for 2"));
  EXPECT_THAT(test::message_of([&] { constant(torch::ones({3})); }),
              testing::HasSubstr("constant 1 was [2] Float in the first pass, now it is [3] Float"));
  EXPECT_THAT(test::message_of([&] { constant(one); }), testing::HasSubstr("more constants than the first, which had 2"));
  EXPECT_THAT(test::message_of([] { ConstantGuard second; }), testing::HasSubstr("only one ConstantGuard may live at a time"));
}

}  // namespace
}  // namespace peftlab
