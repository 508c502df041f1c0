#include "core/compare/estimate.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/tools/roots.hpp>
#include <cmath>
#include <limits>

namespace peftlab::compare {
namespace {

constexpr double kManyDegrees = 1e6;  // Student's t is normal beyond
constexpr double kSmallestP = 1e-100, kWidest = 1e150;

/// The quantile beyond which `tail` of the probability lies.
double upper_quantile(double tail, double degrees_of_freedom) {
  using namespace boost::math;
  // Double is enough, and four times as fast as long double.
  using Policy = policies::policy<policies::promote_double<false>, policies::overflow_error<policies::ignore_error>>;
  if (degrees_of_freedom > kManyDegrees) return quantile(complement(normal_distribution<double, Policy>(), tail));
  return quantile(complement(students_t_distribution<double, Policy>(degrees_of_freedom), tail));
}

double width_at(const std::vector<Part>& parts, double tail) {
  double sum = 0.0;
  for (const auto& part : parts) {
    if (part.variance > 0.0) sum += std::pow(upper_quantile(tail, part.degrees_of_freedom), 2) * part.variance;
  }
  return std::sqrt(sum);
}

}  // namespace

double Estimate::variance() const {
  double sum = 0.0;
  for (const auto& part : parts) sum += part.variance;
  return sum;
}

double Estimate::standard_error() const { return std::sqrt(variance()); }

double Estimate::half_width(double confidence) const { return width_at(parts, (1.0 - confidence) / 2.0); }

double Estimate::p_value() const {
  const double size = std::abs(value);
  if (size == 0.0) return 1.0;
  if (!(variance() > 0.0)) return std::numeric_limits<double>::quiet_NaN();
  // The width falls as the level rises: the level is found on a logarithmic scale.
  const auto excess = [&](double log_p) { return std::min(width_at(parts, std::exp(log_p) / 2.0), kWidest) - size; };
  const double high = std::log(1.0 - 1e-12), smallest = std::log(kSmallestP);
  if (excess(high) > 0.0) return 1.0;
  double low = -4.0;
  while (low > smallest && excess(low) < 0.0) low *= 2.0;
  if (excess(low) < 0.0) return kSmallestP;
  std::uintmax_t steps = 200;
  const auto root =
      boost::math::tools::toms748_solve(excess, low, high, boost::math::tools::eps_tolerance<double>(40), steps);
  return std::exp((root.first + root.second) / 2.0);
}

double Estimate::detectable(double alpha, double power) const {
  return width_at(parts, alpha / 2.0) + width_at(parts, 1.0 - power);
}

Interval symmetric_interval(const Estimate& estimate, double confidence) {
  const double half = estimate.half_width(confidence);
  return {estimate.value - half, estimate.value + half};
}

Interval share_interval(const Estimate& estimate, int64_t num_items, double confidence) {
  const double p = estimate.value, spread = p * (1.0 - p);
  const double z = upper_quantile((1.0 - confidence) / 2.0, 2 * kManyDegrees);
  // z^2 / n and t^2 / n of Wilson's formula, n being the number of independent items.
  double bend = z * z / static_cast<double>(num_items), reach = bend;
  if (spread > 0.0 && estimate.variance() > 0.0) {
    bend = z * z * estimate.variance() / spread;
    reach = std::pow(estimate.half_width(confidence), 2) / spread;
  }
  const double centre = (p + bend / 2.0) / (1.0 + bend);
  const double half = std::sqrt(reach * (spread + bend / 4.0)) / (1.0 + bend);
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

}  // namespace peftlab::compare
