// Successive halving (Jamieson and Talwalkar, AISTATS 2016): many settings for a short time, the best of them for
// longer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace peftlab::study {

struct Rung {
  int64_t num_trials = 0;
  double share = 1.0;  // of the whole length of a trial
};

/// `num_trials` settings at first; of each rung the best 1/eta go on, eta times as long, until one is left or `most`
/// rungs are there. The last rung has the whole length. REQUIRES: num_trials >= 1, eta >= 2, most >= 1.
std::vector<Rung> rungs_of(int64_t num_trials, int64_t eta, int64_t most);

/// Indices of the `count` best of `scores`, best first; of equal ones the first. A NaN is never among them.
std::vector<size_t> best_of(const std::vector<double>& scores, int64_t count, bool lower_is_better);

}  // namespace peftlab::study
