#include "core/cli/json_progress.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace peftlab::cli {
namespace {

constexpr auto kInterval = std::chrono::milliseconds(500);

}  // namespace

JsonProgress::JsonProgress() { std::signal(SIGPIPE, SIG_IGN); }

void JsonProgress::phase(const std::string& title, int64_t total) {
  tell({{"phase", title}, {"total", total}});
  told_ = {};
}

void JsonProgress::progress(int64_t done) { tell_now_and_then(done, ""); }

void JsonProgress::step(const train::StepReport& report) {
  char text[64];
  std::snprintf(text, sizeof text, "loss %.4f", report.loss);
  tell_now_and_then(report.step, text);
}

void JsonProgress::note(const std::string& text) { tell({{"note", text}}); }

void JsonProgress::tell_now_and_then(int64_t done, const std::string& details) {
  const auto now = std::chrono::steady_clock::now();
  if (now - told_ < kInterval) return;
  told_ = now;
  tell({{"done", done}, {"details", details}});
}

void JsonProgress::tell(const io::Json& line) {
  const std::string text = line.dump(-1, ' ', false, io::Json::error_handler_t::replace) + "\n";
  if (write(STDERR_FILENO, text.data(), text.size()) < 0 && errno == EPIPE) std::raise(SIGTERM);
}

}  // namespace peftlab::cli
