#include "core/study/rungs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace peftlab::study {

std::vector<Rung> rungs_of(int64_t num_trials, int64_t eta, int64_t most) {
  std::vector<Rung> rungs;
  for (int64_t count = num_trials; static_cast<int64_t>(rungs.size()) < most; count /= eta) {
    rungs.push_back({count, 1.0});
    if (count < eta) break;
  }
  for (size_t i = rungs.size() - 1; i > 0; --i) rungs[i - 1].share = rungs[i].share / static_cast<double>(eta);
  return rungs;
}

std::vector<size_t> best_of(const std::vector<double>& scores, int64_t count, bool lower_is_better) {
  std::vector<size_t> order;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (!std::isnan(scores[i])) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return lower_is_better ? scores[a] < scores[b] : scores[a] > scores[b]; });
  order.resize(std::min(order.size(), static_cast<size_t>(count)));
  return order;
}

}  // namespace peftlab::study
