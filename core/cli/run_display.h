// Shows a run on standard error: a line that is rewritten on a terminal, a line now and then where it is piped.
#pragma once

#include "core/lab/display.h"
#include "core/report/progress_line.h"

namespace peftlab::cli {

class RunDisplay final : public lab::Display {
 public:
  explicit RunDisplay(bool quiet);
  void phase(const std::string& title, int64_t total) override;
  void progress(int64_t done) override;
  void step(const train::StepReport& report) override;
  void note(const std::string& text) override;
  /// Ends the line that is being rewritten.
  void end();

 private:
  report::ProgressLine line_;
};

}  // namespace peftlab::cli
