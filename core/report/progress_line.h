// One line that tells how far things are.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace peftlab::report {

/// On a terminal the line is rewritten at most ten times a second; piped, a line is written every few seconds; quiet: nothing.
/// Everything goes to standard error.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);
  ~ProgressLine();

  /// Begins a new line for a phase of `total` items (0: unknown). Ends the one before.
  void begin(const std::string& title, int64_t total);
  /// `done` items are done; `details` is shown behind ("loss 0.123  lr 1.0e-03"), cut to the width. Time left is added.
  void update(int64_t done, const std::string& details);
  /// A line of its own, above the rewritten one.
  void note(const std::string& text);
  /// Shows the last state and ends the line with the time the phase took.
  void end();

 private:
  using Clock = std::chrono::steady_clock;
  std::string text(bool last) const;
  void show(bool last);

  bool quiet_, terminal_;
  bool open_ = false;
  std::string title_, details_;
  int64_t total_ = 0, done_ = 0;
  int64_t first_done_ = -1;  // of the first update; -1 before it
  Clock::time_point begun_, shown_, first_at_;
};

}  // namespace peftlab::report
