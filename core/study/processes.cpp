#include "core/study/processes.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "core/io/descriptor.h"
#include "peftlab/error.h"

extern char** environ;

namespace peftlab::study {
namespace {

constexpr int kTickMilliseconds = 100;
constexpr size_t kLongestLine = 1 << 16;  // bytes; more is cut into several

struct Running {
  size_t index = 0;
  pid_t number = 0;
  io::Descriptor errors;
  std::string rest;  // of a line that has not ended
};

struct SpawnSettings {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  SpawnSettings() {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
};

/// The environment with `changes` put in; both outlive what is returned.
std::vector<char*> environment_with(const std::vector<std::string>& changes) {
  std::vector<char*> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const bool changed = std::any_of(changes.begin(), changes.end(), [&](const std::string& change) {
      return text.starts_with(std::string_view(change).substr(0, change.find('=') + 1));
    });
    if (!changed) all.push_back(*entry);
  }
  for (const auto& change : changes) all.push_back(const_cast<char*>(change.c_str()));
  all.push_back(nullptr);
  return all;
}

/// A group of its own: Ctrl-C on the terminal reaches this program alone, which then ends its children in good order.
pid_t spawn(const Process& process, int errors) {
  SpawnSettings settings;
  posix_spawn_file_actions_addopen(&settings.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&settings.files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&settings.files, errors, STDERR_FILENO);
  posix_spawnattr_setpgroup(&settings.attributes, 0);
  posix_spawnattr_setflags(&settings.attributes, POSIX_SPAWN_SETPGROUP);
  std::vector<char*> words;
  for (const auto& word : process.words) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const auto environment = environment_with(process.environment);
  pid_t number = 0;
  const int error =
      posix_spawn(&number, words[0], &settings.files, &settings.attributes, words.data(), environment.data());
  if (error != 0) throw RunError("cannot start " + process.words[0] + ": " + io::error_text(error));
  return number;
}

Running start(const Process& process, size_t index) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw RunError("cannot make a pipe: " + io::error_text(errno));
  io::Descriptor ours(ends[0]), theirs(ends[1]);
  fcntl(ours.number(), F_SETFL, O_NONBLOCK);
  const pid_t number = spawn(process, theirs.number());
  return {index, number, std::move(ours), {}};
}

class Pool {
 public:
  Pool(const std::vector<Process>& processes, size_t at_once, const std::atomic<bool>& stop, ProcessWatcher& watcher)
      : processes_(processes), at_once_(at_once), stop_(stop), watcher_(watcher) {}

  void run() {
    for (;;) {
      fill();
      if (running_.empty()) return;
      if (stop_ && !told_) tell_to_end();
      wait_for_lines();
      for (auto& child : running_) read(child);
      std::erase_if(running_, [this](Running& child) { return has_ended(child); });
      watcher_.tick();
    }
  }

 private:
  void fill() {
    while (!stop_ && running_.size() < at_once_ && next_ < processes_.size()) {
      const size_t index = next_++;
      try {
        running_.push_back(start(processes_[index], index));
        watcher_.started(index);
      } catch (const RunError& error) {
        watcher_.refused(index, error.what());
      }
    }
  }

  void tell_to_end() {
    for (const auto& child : running_) kill(-child.number, SIGTERM);
    told_ = true;
  }

  void wait_for_lines() {
    std::vector<pollfd> files;
    for (const auto& child : running_) {
      if (child.errors.is_open()) files.push_back({child.errors.number(), POLLIN, 0});
    }
    poll(files.data(), files.size(), kTickMilliseconds);
  }

  void read(Running& child) {
    std::array<char, 4096> bytes;
    while (child.errors.is_open()) {
      const ssize_t got = ::read(child.errors.number(), bytes.data(), bytes.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return;
      if (got == 0) child.errors.close();
      for (ssize_t i = 0; i < got; ++i) take(child, bytes[static_cast<size_t>(i)]);
    }
  }

  void take(Running& child, char c) {
    if (c != '\n' && child.rest.size() < kLongestLine) {
      child.rest += c;
      return;
    }
    watcher_.line(child.index, child.rest);
    child.rest.clear();
    if (c != '\n') child.rest += c;
  }

  /// Asked of the process and not of its pipe, which a child of its own may hold open.
  bool has_ended(Running& child) {
    int status = 0;
    const pid_t answer = waitpid(child.number, &status, WNOHANG);
    if (answer == 0 || (answer < 0 && errno == EINTR)) return false;
    read(child);
    if (!child.rest.empty()) watcher_.line(child.index, child.rest);
    const bool signalled = answer > 0 && WIFSIGNALED(status);
    watcher_.ended(child.index, {signalled ? 0 : WEXITSTATUS(status), signalled ? WTERMSIG(status) : 0});
    return true;
  }

  const std::vector<Process>& processes_;
  const size_t at_once_;
  const std::atomic<bool>& stop_;
  ProcessWatcher& watcher_;
  std::vector<Running> running_;
  size_t next_ = 0;
  bool told_ = false;
};

}  // namespace

void run_processes(const std::vector<Process>& processes, size_t at_once, const std::atomic<bool>& stop,
                   ProcessWatcher& watcher) {
  Pool(processes, at_once, stop, watcher).run();
}

std::string described(const Ending& ending) {
  if (ending.signal == 0) return "exit status " + std::to_string(ending.status);
  const char* name = sigabbrev_np(ending.signal);
  const std::string sign = name == nullptr ? "signal " + std::to_string(ending.signal) : "SIG" + std::string(name);
  if (ending.signal == SIGKILL) return "killed (" + sign + "): out of memory, or ended by somebody";
  return "crashed (" + sign + ")";
}

}  // namespace peftlab::study
