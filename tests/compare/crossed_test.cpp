#include "core/compare/crossed.h"

#include <gtest/gtest.h>

#include <cmath>

namespace peftlab::compare {
namespace {

// Three seeds, four items. By hand: mean 2/3, seeds' means 3/4, 3/4, 1/2, items' means 1, 1/3, 2/3, 2/3.
Scores example() {
  Scores scores(3, 4);
  scores << 1, 0, 1, 1,  //
      1, 1, 1, 0,        //
      1, 0, 0, 1;
  return scores;
}

TEST(MeanSquares, AreThoseOfTheTwoWayLayout) {
  const auto squares = mean_squares(example());
  // 4 * ((1/12)^2 * 2 + (1/6)^2) / 2 = 1/12; 3 * (1/9 + 1/9) / 3 = 2/9; total 8/3 - 1/6 - 2/3 = 11/6, over 6 = 11/36
  EXPECT_NEAR(squares.seeds, 1.0 / 12.0, 1e-12);
  EXPECT_NEAR(squares.items, 2.0 / 9.0, 1e-12);
  EXPECT_NEAR(squares.rest, 11.0 / 36.0, 1e-12);
}

TEST(MeanOf, HasBothParts) {
  const auto estimate = mean_of(example());
  EXPECT_NEAR(estimate.value, 2.0 / 3.0, 1e-12);
  ASSERT_EQ(estimate.parts.size(), 2u);
  EXPECT_NEAR(estimate.parts[0].variance, 2.0 / 9.0 / 12.0, 1e-12);
  EXPECT_EQ(estimate.parts[0].degrees_of_freedom, 3.0);
  // The seeds' mean square is below the rest: nothing is left, not less than nothing.
  EXPECT_EQ(estimate.parts[1].variance, 0.0);
  EXPECT_EQ(estimate.parts[1].degrees_of_freedom, 2.0);
}

TEST(MeanOf, TakesTheLowerQuartileOfTheRestOff) {
  Scores scores(3, 4);
  scores << 1, 1, 1, 1,  //
      0, 0, 0, 1,        //
      1, 0, 1, 1;
  const auto squares = mean_squares(scores);
  const double share = -std::log(0.75);  // chi squared with 2 degrees of freedom has its lower quartile at -2 ln 0.75
  EXPECT_NEAR(mean_of(scores).parts[1].variance, (squares.seeds - share * squares.rest) / 12.0, 1e-12);
}

TEST(MeanOf, OneSeedHasTheItemsPartAlone) {
  Scores scores(1, 5);
  scores << 1, 0, 1, 1, 0;
  const auto estimate = mean_of(scores);
  ASSERT_EQ(estimate.parts.size(), 1u);
  EXPECT_NEAR(estimate.parts[0].variance, 0.6 * 0.4 / 4.0, 1e-12);  // p (1 - p) / (n - 1)
}

TEST(DifferenceOf, PairsSeedsThatAreTheSame) {
  const Scores a = example(), b = Scores::Zero(3, 4);
  const auto paired = difference_of(a, b, /*same_seeds=*/true), alone = mean_of(a);
  EXPECT_EQ(paired.value, alone.value);
  EXPECT_EQ(paired.variance(), alone.variance());
}

TEST(DifferenceOf, CancelsWhatBothShare) {
  const Scores a = example();
  const auto same = difference_of(a, a, /*same_seeds=*/true);
  EXPECT_EQ(same.value, 0.0);
  EXPECT_EQ(same.p_value(), 1.0);
}

TEST(DifferenceOf, SeedsOfItsOwnEach) {
  Scores a(2, 4), b(3, 4);
  a << 1, 1, 1, 1, 0, 0, 1, 0;
  b << 0, 1, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0;
  const auto estimate = difference_of(a, b, /*same_seeds=*/false);
  ASSERT_EQ(estimate.parts.size(), 3u);
  EXPECT_EQ(estimate.parts[1].degrees_of_freedom, 1.0);
  EXPECT_EQ(estimate.parts[2].degrees_of_freedom, 2.0);
  EXPECT_NEAR(estimate.value, 5.0 / 8.0 - 5.0 / 12.0, 1e-12);
}

TEST(MeanOfMeans, TakesTheItemsAtTheirLargest) {
  const auto one = mean_of_means(Eigen::VectorXd::Constant(1, 0.25), 300);
  ASSERT_EQ(one.parts.size(), 1u);
  EXPECT_NEAR(one.parts[0].variance, 0.25 * 0.75 / 300.0, 1e-15);
  const auto three = mean_of_means(Eigen::Vector3d(0.2, 0.3, 0.4), 300);
  ASSERT_EQ(three.parts.size(), 2u);
  EXPECT_NEAR(three.parts[1].variance, 0.01 / 3.0, 1e-15);
}

TEST(UnpairedDifference, AddsAllParts) {
  const auto a = mean_of_means(Eigen::VectorXd::Constant(1, 694.0 / 1319.0), 1319);
  const auto b = mean_of_means(Eigen::VectorXd::Constant(1, 631.0 / 1319.0), 1319);
  const auto difference = unpaired_difference(a, b);
  EXPECT_NEAR(difference.value / difference.standard_error(), 2.4567, 1e-3);  // z of two shares
}

}  // namespace
}  // namespace peftlab::compare
