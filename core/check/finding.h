// What one promise came to: figures, and what was wrong.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

namespace peftlab::check {

/// Collects comparisons. Broken when one of them fails; untried when there was nothing to compare.
class Finding {
 public:
  /// No element further apart than `allowed`.
  void close(const torch::Tensor& actual, const torch::Tensor& expected, double allowed, const std::string& what);
  void close(double actual, double expected, double allowed, const std::string& what);
  /// Bit for bit, type and shape too.
  void same(const torch::Tensor& actual, const torch::Tensor& expected, const std::string& what);
  /// `otherwise` says what is wrong where `holds` is false.
  void demand(bool holds, const std::string& otherwise);
  /// Why there is nothing to compare.
  void leave(const std::string& reason) { reason_ = reason; }
  /// Takes over what another one found; `where` goes before its faults.
  void join(const Finding& other, const std::string& where);

  bool broken() const { return !faults_.empty(); }
  bool tried() const { return num_compared_ > 0; }
  /// What is wrong, in words; of comparisons with the same `what` the worst.
  std::vector<std::string> faults() const;
  const std::string& reason() const { return reason_; }
  int64_t num_compared() const { return num_compared_; }
  /// The comparison that came nearest to its limit.
  double largest_difference() const { return difference_; }
  double allowed() const { return allowed_; }
  /// Whether anything was compared by size, so that the two above say something.
  bool has_figure() const { return has_figure_; }

 private:
  struct Fault {
    std::string what, said;
    double size = 0.0;
  };
  void note(double difference, double allowed);
  void add(Fault fault);

  std::vector<Fault> faults_;
  std::string reason_;
  int64_t num_compared_ = 0;
  double difference_ = 0.0, allowed_ = 0.0;
  bool has_figure_ = false;
};

/// The largest absolute value.
double magnitude(const torch::Tensor& x);

/// "3.1e-16"
std::string shown_figure(double value);

}  // namespace peftlab::check
