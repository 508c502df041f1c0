#include "core/page/plot/axis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/page/plot/unit.h"

namespace peftlab::page {
namespace {

using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::Le;

TEST(LinearAxis, TicksAreRoundAndHoldAllValues) {
  const auto axis = axis_over({0.13, 0.87}, Scale::linear);
  EXPECT_THAT(axis.ticks, ElementsAre(DoubleNear(0.0, 1e-12), DoubleNear(0.2, 1e-12), DoubleNear(0.4, 1e-12),
                                      DoubleNear(0.6, 1e-12), DoubleNear(0.8, 1e-12), DoubleNear(1.0, 1e-12)));
  EXPECT_THAT(axis_over({-3.0, 7.0, NAN, INFINITY}, Scale::linear).ticks, ElementsAre(-5.0, 0.0, 5.0, 10.0));
  EXPECT_DOUBLE_EQ(axis.share(0.0), 0.0);
  EXPECT_DOUBLE_EQ(axis.share(0.5), 0.5);
  EXPECT_DOUBLE_EQ(axis.share(9.0), 1.0);  // outside: at the edge
}

TEST(LinearAxis, OfOneValueOrNoneHasAnExtentAllTheSame) {
  for (const std::vector<double>& values : {std::vector<double>{}, {0.0}, {5.0}, {-2e-9}, {NAN}}) {
    const auto axis = axis_over(values, Scale::linear);
    EXPECT_LT(axis.low, axis.high);
    EXPECT_GE(axis.ticks.size(), 2u);
    EXPECT_THAT(axis.ticks, Each(testing::AllOf(Ge(axis.low), Le(axis.high))));
  }
}

TEST(LogAxis, HasFewTicksAtPowersOfTen) {
  const auto axis = axis_over({1e3, 1e8}, Scale::logarithmic, 4);
  EXPECT_THAT(axis.ticks, ElementsAre(1e4, 1e6, 1e8));
  EXPECT_LE(axis.low, 1e3);
  EXPECT_GE(axis.high, 1e8);
  EXPECT_NEAR(axis_over({1.0, 100.0}, Scale::logarithmic).share(10.0), 0.5, 1e-12);
  EXPECT_DOUBLE_EQ(axis.share(0.0), 0.0);
}

TEST(LogAxis, OverLessThanAPowerTakesTwoAndFive) {
  EXPECT_THAT(axis_over({1.5, 6.0}, Scale::logarithmic).ticks, ElementsAre(2.0, 5.0));
  EXPECT_THAT(axis_over({10.0}, Scale::logarithmic).ticks, ElementsAre(5.0, 10.0, 20.0));
}

TEST(LogAxis, LeavesOutWhatHasNoLogarithm) {
  EXPECT_EQ(axis_over({0.0, -1.0, 1.0, 10.0}, Scale::logarithmic).scale, Scale::logarithmic);
  EXPECT_GT(axis_over({0.0, -1.0, 1.0, 10.0}, Scale::logarithmic).low, 0.0);
  EXPECT_EQ(axis_over({0.0, -1.0}, Scale::logarithmic).scale, Scale::linear);
}

TEST(Unit, IsTheLargestThatLeavesNumbersReadable) {
  EXPECT_EQ(unit_of(Quantity::bytes, 3.0 * 1024 * 1024).with("memory"), "memory, MiB");
  EXPECT_EQ(unit_of(Quantity::bytes, 1.5 * 1024).name, "B");
  EXPECT_EQ(unit_of(Quantity::seconds, 119.0).name, "s");
  EXPECT_EQ(unit_of(Quantity::seconds, 120.0).name, "min");
  EXPECT_EQ(unit_of(Quantity::seconds, 120.0).size, 60.0);
  EXPECT_EQ(unit_of(Quantity::count, 1e9).with("parameters"), "parameters");
  EXPECT_EQ(label_of(Quantity::count)(2442240.0), "2.44M");
  EXPECT_EQ(label_of(Quantity::count)(12.0), "12");
  EXPECT_EQ(label_of(Quantity::bytes)(1.25), "1.25");
}

}  // namespace
}  // namespace peftlab::page
