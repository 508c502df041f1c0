// What no other point beats on both axes.
#pragma once

#include <cstddef>
#include <vector>

namespace peftlab::compare {

struct Point {
  double quality = 0.0;  // more is better
  double cost = 0.0;     // less is better
};

/// Indices of the points that no other dominates, by rising cost: a point is dropped if and only if another is at least
/// as good on both axes and better on one. Points with a NaN are on no front.
std::vector<size_t> pareto_front(const std::vector<Point>& points);

}  // namespace peftlab::compare
