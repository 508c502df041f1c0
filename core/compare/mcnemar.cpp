#include "core/compare/mcnemar.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>

namespace peftlab::compare {

double mcnemar_p(int64_t only_first, int64_t only_second) {
  const int64_t discordant = only_first + only_second;
  if (discordant == 0) return 1.0;
  const boost::math::binomial trials(static_cast<double>(discordant), 0.5);
  return std::min(1.0, 2.0 * boost::math::cdf(trials, static_cast<double>(std::min(only_first, only_second))));
}

std::optional<double> mcnemar_p(const Scores& first, const Scores& second) {
  int64_t only_first = 0, only_second = 0;
  for (Eigen::Index i = 0; i < first.cols(); ++i) {
    const double a = first(0, i), b = second(0, i);
    if ((a != 0.0 && a != 1.0) || (b != 0.0 && b != 1.0)) return std::nullopt;
    only_first += a > b;
    only_second += b > a;
  }
  return mcnemar_p(only_first, only_second);
}

}  // namespace peftlab::compare
