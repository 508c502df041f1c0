// A run's progress for programs: JSON objects on standard error, one a line.
#pragma once

#include <chrono>
#include <string>

#include "core/io/json.h"
#include "core/lab/display.h"

namespace peftlab::cli {

/// {"phase": "trains", "total": 240}, {"done": 12, "details": "loss 0.1"}, {"note": "..."}. Once nobody reads them any
/// more the run ends as after Ctrl-C: whoever started it is gone.
class JsonProgress final : public lab::Display {
 public:
  JsonProgress();
  void phase(const std::string& title, int64_t total) override;
  void progress(int64_t done) override;
  void step(const train::StepReport& report) override;
  void note(const std::string& text) override;

 private:
  void tell(const io::Json& line);
  void tell_now_and_then(int64_t done, const std::string& details);

  std::chrono::steady_clock::time_point told_{};
};

}  // namespace peftlab::cli
