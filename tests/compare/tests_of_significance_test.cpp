#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/compare/holm.h"
#include "core/compare/mcnemar.h"
#include "core/compare/pareto.h"

namespace peftlab::compare {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(McNemar, IsTheExactBinomialTest) {
  // scipy.stats.binomtest(min, b + c).pvalue
  EXPECT_NEAR(mcnemar_p(6, 16), 0.052478790283203125, 1e-12);
  EXPECT_NEAR(mcnemar_p(16, 6), 0.052478790283203125, 1e-12);
  EXPECT_NEAR(mcnemar_p(0, 5), 0.0625, 1e-12);
  EXPECT_EQ(mcnemar_p(0, 0), 1.0);
  EXPECT_EQ(mcnemar_p(7, 7), 1.0);
  EXPECT_NEAR(mcnemar_p(100, 160), 0.00023894190306813953, 1e-12);
}

TEST(McNemar, ReadsRightAndWrong) {
  Scores a(1, 6), b(1, 6);
  a << 1, 1, 1, 1, 0, 1;
  b << 0, 0, 0, 0, 0, 1;
  EXPECT_DOUBLE_EQ(*mcnemar_p(a, b), 0.125);
}

TEST(McNemar, SaysNothingOfSharesOfAnItem) {
  Scores a(1, 2), b(1, 2);
  a << 0.5, 1;
  b << 0, 1;
  EXPECT_FALSE(mcnemar_p(a, b));
}

TEST(Holm, IsTheWorkedExample) {
  // Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, never falling: 0.02, 0.03, 0.06, 0.06.
  EXPECT_THAT(holm({0.01, 0.04, 0.03, 0.005}), ElementsAre(DoubleNear(0.03, 1e-12), DoubleNear(0.06, 1e-12),
                                                           DoubleNear(0.06, 1e-12), DoubleNear(0.02, 1e-12)));
}

TEST(Holm, NeverExceedsOneAndLeavesTheUnknownOut) {
  const auto adjusted = holm({0.9, NAN, 0.8, 0.03});
  EXPECT_EQ(adjusted[0], 1.0);
  EXPECT_TRUE(std::isnan(adjusted[1]));
  EXPECT_EQ(adjusted[2], 1.0);
  EXPECT_NEAR(adjusted[3], 0.09, 1e-12);
  EXPECT_THAT(holm({}), IsEmpty());
}

TEST(Pareto, DropsWhatIsBeatenOnBothAxes) {
  const std::vector<Point> points = {{0.5, 10}, {0.9, 50}, {0.4, 20}, {0.9, 60}, {0.7, 20}, {0.95, 100}};
  EXPECT_THAT(pareto_front(points), ElementsAre(0u, 4u, 1u, 5u));
}

TEST(Pareto, KeepsEqualsAndPassesOverTheUnknown) {
  EXPECT_THAT(pareto_front({{0.5, 1}, {0.5, 1}, {0.5, 2}, {NAN, 0.1}, {0.6, NAN}}), ElementsAre(0u, 1u));
  EXPECT_THAT(pareto_front({}), IsEmpty());
}

}  // namespace
}  // namespace peftlab::compare
