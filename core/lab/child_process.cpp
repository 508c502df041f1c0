#include "core/lab/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "peftlab/error.h"

extern char** environ;

namespace peftlab::lab {
namespace {

constexpr size_t kKeptErrors = 4096;  // bytes of standard error to quote

struct Pipe {
  std::array<int, 2> ends{-1, -1};
  Pipe() {
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw RunError(std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  ~Pipe() { close_end(0), close_end(1); }
  void close_end(int i) {
    if (ends[i] >= 0) close(ends[i]);
    ends[i] = -1;
  }
};

/// Appends what is there; false at the end of the stream.
bool read_some(int file, std::string& text) {
  char buffer[4096];
  const ssize_t got = read(file, buffer, sizeof buffer);
  if (got > 0) text.append(buffer, static_cast<size_t>(got));
  return got > 0 || (got < 0 && errno == EINTR);
}

/// Reads both streams until they end, handing errors on.
void drain(Pipe& out, Pipe& err, ChildResult& result) {
  while (out.ends[0] >= 0 || err.ends[0] >= 0) {
    pollfd files[2] = {{out.ends[0], POLLIN, 0}, {err.ends[0], POLLIN, 0}};
    if (poll(files, 2, -1) < 0 && errno != EINTR) return;
    if (files[0].revents != 0 && !read_some(out.ends[0], result.output)) out.close_end(0);
    if (files[1].revents == 0) continue;
    const size_t before = result.errors.size();
    if (!read_some(err.ends[0], result.errors)) err.close_end(0);
    if (write(STDERR_FILENO, result.errors.data() + before, result.errors.size() - before) < 0) continue;
  }
  if (result.errors.size() > kKeptErrors) result.errors.erase(0, result.errors.size() - kKeptErrors);
}

}  // namespace

ChildResult run_child(const std::vector<std::string>& words) {
  Pipe out, err;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out.ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.ends[1], STDERR_FILENO);
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int error = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw RunError("cannot start " + words[0] + ": " + std::strerror(error));
  out.close_end(1);
  err.close_end(1);
  ChildResult result;
  drain(out, err, result);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace peftlab::lab
