// How far a run is, as `peftlab run --progress json` tells on its standard error.
#pragma once

#include <chrono>
#include <string>

namespace peftlab::study {

/// One line each:
///   {"phase": "trains", "total": 240}
///   {"done": 12, "details": "loss 0.1"}
///   {"note": "goes on after step 40"}
class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  /// False for a line that is none of these.
  bool take(const std::string& line, Clock::time_point now = Clock::now());

  /// "trains  12/240  loss 0.1  3 min 05 s left".
  std::string text(Clock::time_point now = Clock::now()) const;

 private:
  std::string phase_ = "starts", details_;
  int64_t total_ = 0, done_ = 0;
  int64_t first_done_ = -1;  // of the first time the phase told; -1: not yet
  Clock::time_point first_at_{};
};

}  // namespace peftlab::study
