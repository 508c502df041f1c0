// Many runs on standard error: on a terminal a line for each that works, rewritten; piped, a line when something
// changes.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace peftlab::study {

class LiveView {
 public:
  explicit LiveView(bool quiet);
  ~LiveView();
  LiveView(const LiveView&) = delete;
  LiveView& operator=(const LiveView&) = delete;

  /// A line that stays.
  void note(const std::string& text);
  /// What works now, and a last line about the whole. Shown at most some times a second on a terminal; piped every so
  /// many seconds, those lines that changed.
  void show(const std::vector<std::string>& lines, const std::string& summary);
  /// Takes the rewritten lines away.
  void end();

 private:
  using Clock = std::chrono::steady_clock;
  void clear();
  void draw();

  const bool quiet_, terminal_;
  std::vector<std::string> lines_, printed_;
  size_t num_drawn_ = 0;
  Clock::time_point shown_{};
};

}  // namespace peftlab::study
