// Ctrl-C and SIGTERM as a flag that every loop looks at.
#pragma once

#include <atomic>

namespace peftlab::cli {

/// Lets SIGINT and SIGTERM set the flag instead of ending the program; a second SIGINT ends it at once. The flag lives as long
/// as the program.
const std::atomic<bool>& stop_on_signals();

/// Waits until there is something to read; false when a signal that stops came first. REQUIRES: stop_on_signals().
bool wait_for_input(int descriptor);

/// Clears the flag, for programs that go on after Ctrl-C; not after SIGTERM.
void forget_interrupt();

}  // namespace peftlab::cli
