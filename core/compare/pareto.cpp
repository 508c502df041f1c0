#include "core/compare/pareto.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace peftlab::compare {

std::vector<size_t> pareto_front(const std::vector<Point>& points) {
  std::vector<size_t> order;
  for (size_t i = 0; i < points.size(); ++i) {
    if (!std::isnan(points[i].quality) && !std::isnan(points[i].cost)) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return points[a].cost != points[b].cost ? points[a].cost < points[b].cost : points[a].quality > points[b].quality;
  });
  std::vector<size_t> front;
  double best = -std::numeric_limits<double>::infinity(), best_cost = 0.0;
  for (const size_t i : order) {
    const bool same_as_best = !front.empty() && points[i].quality == best && points[i].cost == best_cost;
    if (points[i].quality <= best && !same_as_best) continue;
    front.push_back(i);
    best = points[i].quality;
    best_cost = points[i].cost;
  }
  return front;
}

}  // namespace peftlab::compare
