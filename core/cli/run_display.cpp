#include "core/cli/run_display.h"

#include <cstdio>

#include "core/lab/machine.h"

namespace peftlab::cli {

RunDisplay::RunDisplay(bool quiet) : line_(quiet) {}

void RunDisplay::phase(const std::string& title, int64_t total) { line_.begin(title, total); }

void RunDisplay::progress(int64_t done) { line_.update(done, ""); }

void RunDisplay::step(const train::StepReport& r) {
  char text[128];
  std::snprintf(text, sizeof text, "loss %.4f  lr %.2e  %.0f tokens/s  %lld MiB", r.loss, r.learning_rate,
                r.seconds > 0 ? static_cast<double>(r.num_useful) / r.seconds : 0.0,
                static_cast<long long>(lab::peak_memory_bytes() >> 20));
  line_.update(r.step, text);
}

void RunDisplay::note(const std::string& text) { line_.note(text); }

void RunDisplay::end() { line_.end(); }

}  // namespace peftlab::cli
