// From values to places along an axis, with ticks at round numbers.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace peftlab::page {

enum class Scale { linear, logarithmic };

/// How a value is written at a tick.
using Label = std::function<std::string(double)>;

struct Axis {
  double low = 0.0, high = 1.0;  // low < high; above 0 where the scale is logarithmic
  Scale scale = Scale::linear;
  std::vector<double> ticks;  // rising, from low to high

  /// 0 at `low`, 1 at `high`. What lies outside is put at the edge.
  double share(double value) const;
};

/// An axis over all finite values. A linear one begins and ends at a tick, at multiples of 1, 2 or 5 times a power of
/// ten; a logarithmic one has its ticks at such numbers, or at powers of ten alone where those are many. Values that a
/// logarithmic axis cannot show are left out; where none is left, it is linear.
Axis axis_over(const std::vector<double>& values, Scale scale, int most_ticks = 5);

}  // namespace peftlab::page
