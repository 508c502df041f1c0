// Two runs that answered the same items, right or wrong.
#pragma once

#include <cstdint>
#include <optional>

#include "core/compare/crossed.h"

namespace peftlab::compare {

/// Two-sided exact p (McNemar, Psychometrika 12, 1947, with the binomial distribution): min(1, 2 P(X <= min(b, c))) for
/// X ~ Bin(b + c, 1/2), where b items only the first run has right and c only the second.
double mcnemar_p(int64_t only_first, int64_t only_second);

/// The same for the scores of one run each: (1, items). Nothing where a score is neither 0 nor 1, for which it says
/// nothing.
std::optional<double> mcnemar_p(const Scores& first, const Scores& second);

}  // namespace peftlab::compare
