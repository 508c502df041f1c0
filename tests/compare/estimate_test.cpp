#include "core/compare/estimate.h"

#include <gtest/gtest.h>

#include <cmath>

namespace peftlab::compare {
namespace {

// Expected values from scipy 1.17 (stats.t, stats.norm), worked out apart from this code.

TEST(Estimate, OnePartIsStudentsT) {
  const Estimate estimate{1.2, {{0.25, 9.0}}};
  EXPECT_DOUBLE_EQ(estimate.standard_error(), 0.5);
  EXPECT_NEAR(estimate.half_width(0.95), 0.5 * 2.2621571628540993, 1e-9);
  EXPECT_NEAR(estimate.p_value(), 0.039897886669348376, 1e-10);  // 2 * t.sf(2.4, 9)
  const auto interval = symmetric_interval(estimate, 0.95);
  EXPECT_NEAR(interval.low, 1.2 - 1.1310785814, 1e-9);
  EXPECT_NEAR(interval.high, 1.2 + 1.1310785814, 1e-9);
}

TEST(Estimate, ManyDegreesOfFreedomAreNormal) {
  const Estimate estimate{1.96, {{1.0, 1e9}}};
  EXPECT_NEAR(estimate.p_value(), 0.04999579029644097, 1e-9);
}

TEST(Estimate, PartsKeepTheirOwnQuantiles) {
  // sqrt(4.302652729696142^2 * 0.04 + 1.9639322489452784^2 * 0.09), df 2 and 599
  const Estimate estimate{0.0, {{0.04, 2.0}, {0.09, 599.0}}};
  EXPECT_NEAR(estimate.half_width(0.95), std::hypot(0.2 * 4.302652729696142, 0.3 * 1.9639322489452784), 1e-9);
}

TEST(Estimate, TheTestAgreesWithTheInterval) {
  for (const double confidence : {0.5, 0.9, 0.95, 0.999}) {
    Estimate estimate{0.0, {{0.3, 2.0}, {0.1, 50.0}, {0.05, 4.0}}};
    estimate.value = -estimate.half_width(confidence);
    EXPECT_NEAR(estimate.p_value(), 1.0 - confidence, 1e-9) << confidence;
  }
}

TEST(Estimate, NothingToTest) {
  EXPECT_EQ((Estimate{0.0, {{0.1, 3.0}}}.p_value()), 1.0);
  EXPECT_TRUE(std::isnan(Estimate({0.5, {}}).p_value()));
  EXPECT_TRUE(std::isnan(Estimate({0.5, {{0.0, 2.0}}}).p_value()));
}

TEST(Estimate, DetectsWhatPowerAsksFor) {
  // (1.959964 + 0.841621) standard errors for the normal.
  EXPECT_NEAR((Estimate{0.0, {{0.01, 1e9}}}.detectable(0.05, 0.8)), 0.2801585, 1e-6);
}

TEST(ShareInterval, IsWilsonsForIndependentItems) {
  // 81 of 263: [0.255, 0.366], Newcombe, Statistics in Medicine 17 (1998), table I; in full by statsmodels' formula.
  const double p = 81.0 / 263.0;
  const Estimate estimate{p, {{p * (1.0 - p) / 263.0, 1e9}}};
  const auto interval = share_interval(estimate, 263, 0.95);
  EXPECT_NEAR(interval.low, 0.2553, 1e-4);
  EXPECT_NEAR(interval.high, 0.3662, 1e-4);
}

TEST(ShareInterval, AllRightOrAllWrongStillHasOne) {
  const double z2 = 1.959963984540054 * 1.959963984540054;
  const auto all = share_interval({1.0, {{0.0, 599.0}}}, 600, 0.95);
  EXPECT_NEAR(all.low, 600.0 / (600.0 + z2), 1e-9);
  EXPECT_EQ(all.high, 1.0);
  const auto none = share_interval({0.0, {{0.0, 599.0}}}, 600, 0.95);
  EXPECT_EQ(none.low, 0.0);
  EXPECT_NEAR(none.high, z2 / (600.0 + z2), 1e-9);
}

TEST(ShareInterval, StaysBetweenZeroAndOne) {
  const auto interval = share_interval({0.98, {{0.01, 2.0}}}, 600, 0.95);
  EXPECT_GE(interval.low, 0.0);
  EXPECT_LE(interval.high, 1.0);
  EXPECT_LT(interval.low, 0.98);
}

}  // namespace
}  // namespace peftlab::compare
