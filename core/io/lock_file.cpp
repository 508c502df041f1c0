#include "core/io/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "peftlab/error.h"

namespace peftlab::io {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

/// "process 123 on host name", as the owner wrote it; a file from others is shown only as far as it is plain text.
std::string owner_in(const Descriptor& file) {
  std::array<char, 300> text{};
  const ssize_t got = ::pread(file.number(), text.data(), text.size() - 1, 0);
  std::string owner;
  for (ssize_t i = 0; i < got && text[static_cast<size_t>(i)] >= ' ' && text[static_cast<size_t>(i)] <= '~'; ++i) {
    owner += text[static_cast<size_t>(i)];
  }
  return owner.empty() ? "another process" : owner;
}

/// The owner removes the file when it is done: a lock on the removed one would guard nothing.
bool still_named(const Descriptor& file, const std::filesystem::path& path) {
  struct stat held, named;
  return ::fstat(file.number(), &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
         held.st_dev == named.st_dev;
}

/// Who only looks holds a lock for a moment: it is tried again before it counts as held.
bool locked(const Descriptor& file) {
  constexpr int kTries = 20;
  constexpr useconds_t kPauseMicroseconds = 2000;
  for (int tries = 1; ::flock(file.number(), LOCK_EX | LOCK_NB) != 0;) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK || tries++ == kTries) return false;
    ::usleep(kPauseMicroseconds);
  }
  return true;
}

}  // namespace

LockFile::LockFile(std::filesystem::path path) : path_(std::move(path)) {
  for (;;) {
    file_ = Descriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (!file_.is_open()) throw_write_failure(path_, 0, errno);
    if (!locked(file_)) {
      if (errno != EWOULDBLOCK) throw RunError(path_.string() + ": cannot lock: " + error_text(errno));
      throw ConfigError(path_.string() + ": in use by " + owner_in(file_) +
                        "; wait until it ends or choose another folder");
    }
    if (still_named(file_, path_)) break;
  }
  const std::string owner = "process " + std::to_string(::getpid()) + " on host " + host_name() + "\n";
  if (::ftruncate(file_.number(), 0) != 0) throw_write_failure(path_, 0, errno);
  write_all(file_, owner.data(), owner.size(), path_);
}

bool is_locked(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return file.is_open() && ::flock(file.number(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

LockFile::~LockFile() {
  if (file_.is_open()) ::unlink(path_.c_str());
}

}  // namespace peftlab::io
