#include "core/page/plot/axis.h"

#include <algorithm>
#include <cmath>

namespace peftlab::page {
namespace {

constexpr double kSlack = 1e-9;  // of a step: 0.30000000000000004 is 0.3

/// The smallest of 1, 2, 5 times a power of ten that is at least `least`.
double round_step(double least) {
  const double power = std::pow(10.0, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least * (1.0 - kSlack)) return factor * power;
  }
  return 10.0 * power;
}

Axis linear_axis(double low, double high, int most_ticks) {
  if (low == high) {
    const double room = low == 0.0 ? 1.0 : std::abs(low) * 0.1;
    low -= room;
    high += room;
  }
  const double step = round_step((high - low) / std::max(1, most_ticks - 1));
  const double first = std::floor(low / step + kSlack), last = std::ceil(high / step - kSlack);
  Axis axis{first * step, last * step, Scale::linear, {}};
  for (double tick = first; tick <= last; ++tick) axis.ticks.push_back(tick * step);
  return axis;
}

/// Every `every`-th power of ten, or 1, 2 and 5 times each where `every` is 0.
std::vector<double> log_ticks(double low, double high, int every) {
  std::vector<double> ticks;
  const int first = static_cast<int>(std::floor(std::log10(low))), last = static_cast<int>(std::ceil(std::log10(high)));
  for (int power = first; power <= last; ++power) {
    if (every > 0 && (power % every + every) % every != 0) continue;
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double tick = factor * std::pow(10.0, power);
      if (every > 0 && factor > 1.0) break;
      if (tick >= low * (1.0 - kSlack) && tick <= high * (1.0 + kSlack)) ticks.push_back(tick);
    }
  }
  return ticks;
}

Axis log_axis(double low, double high, int most_ticks) {
  const double room = low == high ? 2.0 : std::pow(high / low, 0.05);
  Axis axis{low / room, high * room, Scale::logarithmic, log_ticks(low / room, high * room, 0)};
  for (int every = 1; static_cast<int>(axis.ticks.size()) > most_ticks && every < 100; ++every) {
    auto fewer = log_ticks(axis.low, axis.high, every);
    if (fewer.size() < 2) break;
    axis.ticks = std::move(fewer);
  }
  return axis;
}

}  // namespace

double Axis::share(double value) const {
  const double share = scale == Scale::linear ? (value - low) / (high - low)
                       : value <= 0.0         ? 0.0
                                              : std::log(value / low) / std::log(high / low);
  return std::clamp(share, 0.0, 1.0);
}

Axis axis_over(const std::vector<double>& values, Scale scale, int most_ticks) {
  std::vector<double> shown;
  for (const double value : values) {
    if (std::isfinite(value) && (scale == Scale::linear || value > 0.0)) shown.push_back(value);
  }
  if (shown.empty() && scale == Scale::logarithmic) return axis_over(values, Scale::linear, most_ticks);
  if (shown.empty()) return linear_axis(0.0, 1.0, most_ticks);
  const auto [low, high] = std::minmax_element(shown.begin(), shown.end());
  return scale == Scale::linear ? linear_axis(*low, *high, most_ticks) : log_axis(*low, *high, most_ticks);
}

}  // namespace peftlab::page
