#include "core/cli/signals.h"

#include <csignal>

namespace peftlab::cli {
namespace {

std::atomic<bool> stop{false};
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void remember(int signal) {
  if (stop.exchange(true) && signal == SIGINT) std::signal(SIGINT, SIG_DFL);
}

}  // namespace

const std::atomic<bool>& stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = remember;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return stop;
}

void forget_signals() {
  stop = false;
  stop_on_signals();
}

}  // namespace peftlab::cli
