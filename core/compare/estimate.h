// An estimated mean or difference: its interval, its test, and what it could have detected.
#pragma once

#include <cstdint>
#include <vector>

namespace peftlab::compare {

/// One source of variation in an estimate.
struct Part {
  double variance = 0.0;            // of the estimate
  double degrees_of_freedom = 1.0;  // that the variance was estimated with
};

struct Interval {
  double low = 0.0;
  double high = 0.0;
};

/// Independent sources of variation add. Each stands with its own quantile of Student's t:
///   h^2 = sum over parts of t(confidence, df)^2 * variance
/// (Howe, JASA 69, 1974; Graybill and Wang, JASA 75, 1980). It is exact where one part dominates, and unlike a t
/// quantile with degrees of freedom pooled after Satterthwaite it covers where seeds are few and their variance was met
/// by chance low.
struct Estimate {
  double value = 0.0;
  std::vector<Part> parts;

  double variance() const;
  double standard_error() const;
  /// Half of the interval's width. REQUIRES: 0 < confidence < 1.
  double half_width(double confidence) const;
  /// Two-sided, against 0: the level at which the interval just reaches 0. NaN where no variance is known.
  double p_value() const;
  /// The true difference that a test at level `alpha` finds with probability `power`.
  double detectable(double alpha, double power) const;
};

/// value ± half_width.
Interval symmetric_interval(const Estimate& estimate, double confidence);

/// For a mean of scores in [0, 1]: Wilson's interval (JASA 22, 1927) for as many independent items as would have this
/// variance (Korn and Graubard, Survey Methodology 24, 1998), widened to `half_width`; what bends it near 0 and 1 keeps
/// the normal quantile. Where every score is 0, or 1, it is Wilson's for `num_items`.
Interval share_interval(const Estimate& estimate, int64_t num_items, double confidence);

}  // namespace peftlab::compare
