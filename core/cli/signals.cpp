#include "core/cli/signals.h"

#include <csignal>

namespace peftlab::cli {
namespace {

std::atomic<bool> stop{false};
std::atomic<bool> ended{false};
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void remember(int signal) {
  if (signal == SIGTERM) ended = true;
  if (!stop.exchange(true) || signal != SIGINT) return;
  std::signal(SIGINT, SIG_DFL);
  std::raise(SIGINT);  // delivered when this function has returned
}

}  // namespace

const std::atomic<bool>& stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = remember;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return stop;
}

void forget_interrupt() {
  stop = ended.load();
  stop_on_signals();
}

}  // namespace peftlab::cli
