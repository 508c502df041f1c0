// Several programs at once, each a process of its own: one that crashes takes no other with it.
#pragma once

#include <atomic>
#include <string>
#include <vector>

namespace peftlab::study {

struct Process {
  std::vector<std::string> words;        // [0]: the program's path
  std::vector<std::string> environment;  // "NAME=VALUE", beside this process's own
};

struct Ending {
  int status = 0;  // exit status, where no signal ended it
  int signal = 0;  // 0: none
};

/// What processes do, in the order it happens; `index` into the list that is run.
class ProcessWatcher {
 public:
  virtual ~ProcessWatcher() = default;
  virtual void started(size_t /*index*/) {}
  /// A line of its standard error, without its end.
  virtual void line(size_t /*index*/, const std::string& /*text*/) {}
  virtual void ended(size_t /*index*/, const Ending&) {}
  /// It could not be started.
  virtual void refused(size_t /*index*/, const std::string& /*reason*/) {}
  /// Several times a second.
  virtual void tick() {}
};

/// Runs all, at most `at_once` at a time, in order. Standard input and output are /dev/null. Once `stop` is set nothing
/// more is started, those that run are sent SIGTERM, and the call returns when they have ended. A child's own children
/// are not waited for. REQUIRES: at_once >= 1.
void run_processes(const std::vector<Process>& processes, size_t at_once, const std::atomic<bool>& stop,
                   ProcessWatcher& watcher);

/// "exit status 1", "killed (SIGKILL): ...".
std::string described(const Ending& ending);

}  // namespace peftlab::study
