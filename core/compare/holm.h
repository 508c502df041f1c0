// Many tests at once.
#pragma once

#include <vector>

namespace peftlab::compare {

/// Holm's adjustment (Scandinavian Journal of Statistics 6, 1979): sorted p_1 <= ... <= p_m become
/// max over j <= i of min(1, (m - j + 1) p_j). In the order given. A NaN stays one and counts as no test.
std::vector<double> holm(const std::vector<double>& p_values);

}  // namespace peftlab::compare
