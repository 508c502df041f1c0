// Seeds and items are crossed: every seed answers the same items, so both make the mean uncertain.
#pragma once

#include <Eigen/Core>

#include "core/compare/estimate.h"

namespace peftlab::compare {

/// Scores of one method: (seeds, items).
using Scores = Eigen::MatrixXd;

/// The mean squares of the two-way layout  score = mean + seed + item + rest  with both factors random
/// (Searle, Casella and McCulloch, Variance Components, 1992, ch. 4).
struct MeanSquares {
  double seeds = 0.0;  // expects rest + items * variance of seeds; 0 for one seed
  double items = 0.0;  // expects rest + seeds * variance of items
  double rest = 0.0;   // 0 for one seed
};

/// REQUIRES: at least one seed and two items.
MeanSquares mean_squares(const Scores& scores);

/// The mean over all seeds and all items that might have been drawn. With one seed only the items' part is there.
/// REQUIRES: at least one seed and two items.
Estimate mean_of(const Scores& scores);

/// mean(a) - mean(b) on the same items, paired item by item. Where `same_seeds`, row i of both is the same seed and the
/// seeds are paired too; else each method has its own part. REQUIRES: equally many columns; equally many rows if
/// `same_seeds`.
Estimate difference_of(const Scores& a, const Scores& b, bool same_seeds);

/// Where only means are known: (seeds) means of `num_items` items. The items' part is the largest that scores in [0, 1]
/// can have, as if all seeds were right on the same items. REQUIRES: at least one mean.
Estimate mean_of_means(const Eigen::VectorXd& means, int64_t num_items);

/// mean(a) - mean(b) of estimates that share nothing that is known of.
Estimate unpaired_difference(const Estimate& a, const Estimate& b);

}  // namespace peftlab::compare
