// What a template may cost, and how it fails.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

namespace peftlab::text::jinja {

/// A mistake of the template or of what it was given; whoever knows the line makes a ConfigError of it.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Counts the work of one rendering. Not thread-safe.
class Budget {
 public:
  Budget(size_t max_steps, size_t max_bytes) : steps_left_(max_steps), max_steps_(max_steps), max_bytes_(max_bytes) {}

  /// Throws Failure when more steps are used than allowed.
  void spend(size_t steps = 1) {
    if (steps > steps_left_) fail_steps();
    steps_left_ -= steps;
  }

  /// To be called before a string or a list of `bytes` is made: bounds each one, and their sum through the steps.
  void make(size_t bytes) {
    if (bytes > max_bytes_) fail_bytes(bytes);
    spend(1 + bytes / kBytesPerStep);
  }

  size_t max_bytes() const { return max_bytes_; }

 private:
  static constexpr size_t kBytesPerStep = 64;

  [[noreturn]] void fail_steps() const {
    throw Failure("the template does not end within " + std::to_string(max_steps_) + " steps");
  }
  [[noreturn]] void fail_bytes(size_t bytes) const {
    throw Failure("the template makes a text or list of " + std::to_string(bytes) + " bytes; the limit is " +
                  std::to_string(max_bytes_));
  }

  size_t steps_left_, max_steps_, max_bytes_;
};

}  // namespace peftlab::text::jinja
