#include "core/cli/signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>

namespace peftlab::cli {
namespace {

std::atomic<bool> stop{false};
std::atomic<bool> ended{false};
static_assert(std::atomic<bool>::is_always_lock_free);

/// Readable once a signal came, for those who wait for something to read: a flag could be set just before they begin.
int event() {
  static const int descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return descriptor;
}

extern "C" void remember(int signal) {
  const int saved = errno;
  if (signal == SIGTERM) ended = true;
  if (stop.exchange(true) && signal == SIGINT) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);  // delivered when this function has returned
  }
  const uint64_t one = 1;
  [[maybe_unused]] const auto written = write(event(), &one, sizeof one);
  errno = saved;
}

}  // namespace

const std::atomic<bool>& stop_on_signals() {
  event();
  struct sigaction action {};
  action.sa_handler = remember;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return stop;
}

bool wait_for_input(int descriptor) {
  pollfd both[] = {{descriptor, POLLIN, 0}, {event(), POLLIN, 0}};
  while (poll(both, 2, /*timeout=*/-1) < 0 && errno == EINTR) {
  }
  return both[1].revents == 0;
}

void forget_interrupt() {
  uint64_t count = 0;
  [[maybe_unused]] const auto got = read(event(), &count, sizeof count);
  stop = ended.load();
  stop_on_signals();
}

}  // namespace peftlab::cli
