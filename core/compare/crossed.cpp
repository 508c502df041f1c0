#include "core/compare/crossed.h"

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <cassert>

namespace peftlab::compare {
namespace {

constexpr double kShareTaken = 0.25;  // a quantile

double squares_around(const Eigen::VectorXd& values, double centre) { return (values.array() - centre).square().sum(); }

/// What the seeds add to the variance of a mean over `scores`. Their mean square also holds the rest, of which it has
/// by chance more or less than its share. What is taken off is the lower quartile of it, not its mean: a few seeds that
/// happen to agree do not pass for a method without seed variance. Tests then hold 5 % for whatever the seeds add (5.2
/// % at 3 seeds where they add least), and intervals are never twice as wide as if all variances were known
/// (coverage_test.cpp).
Part seed_part(const MeanSquares& squares, const Scores& scores) {
  const double df = static_cast<double>(scores.rows() - 1);
  const double share = boost::math::quantile(boost::math::chi_squared(df), kShareTaken) / df;
  return {std::max(0.0, squares.seeds - share * squares.rest) / static_cast<double>(scores.size()), df};
}

Part item_part(const Eigen::VectorXd& item_values) {
  const double n = static_cast<double>(item_values.size());
  return {squares_around(item_values, item_values.mean()) / (n - 1.0) / n, n - 1.0};
}

Eigen::VectorXd item_means(const Scores& scores) { return scores.colwise().mean().transpose(); }

}  // namespace

MeanSquares mean_squares(const Scores& scores) {
  assert(scores.rows() >= 1 && scores.cols() >= 2);
  const double seeds = static_cast<double>(scores.rows()), items = static_cast<double>(scores.cols());
  const double mean = scores.mean();
  const Eigen::VectorXd by_seed = scores.rowwise().mean(), by_item = item_means(scores);
  MeanSquares squares;
  squares.items = seeds * squares_around(by_item, mean) / (items - 1.0);
  if (scores.rows() < 2) return squares;
  squares.seeds = items * squares_around(by_seed, mean) / (seeds - 1.0);
  const Scores rest = (scores.colwise() - by_seed).rowwise() - (by_item.array() - mean).matrix().transpose();
  squares.rest = rest.squaredNorm() / ((seeds - 1.0) * (items - 1.0));
  return squares;
}

Estimate mean_of(const Scores& scores) {
  Estimate estimate{scores.mean(), {item_part(item_means(scores))}};
  if (scores.rows() > 1) estimate.parts.push_back(seed_part(mean_squares(scores), scores));
  return estimate;
}

Estimate difference_of(const Scores& a, const Scores& b, bool same_seeds) {
  assert(a.cols() == b.cols() && (!same_seeds || a.rows() == b.rows()));
  if (same_seeds) return mean_of(a - b);
  Estimate estimate{a.mean() - b.mean(), {item_part(item_means(a) - item_means(b))}};
  for (const Scores* scores : {&a, &b}) {
    if (scores->rows() > 1) estimate.parts.push_back(seed_part(mean_squares(*scores), *scores));
  }
  return estimate;
}

Estimate mean_of_means(const Eigen::VectorXd& means, int64_t num_items) {
  const double mean = means.mean(), seeds = static_cast<double>(means.size()), items = static_cast<double>(num_items);
  Estimate estimate{mean, {{mean * (1.0 - mean) / items, items}}};
  if (means.size() > 1) estimate.parts.push_back({squares_around(means, mean) / (seeds - 1.0) / seeds, seeds - 1.0});
  return estimate;
}

Estimate unpaired_difference(const Estimate& a, const Estimate& b) {
  Estimate difference{a.value - b.value, a.parts};
  difference.parts.insert(difference.parts.end(), b.parts.begin(), b.parts.end());
  return difference;
}

}  // namespace peftlab::compare
