#include "core/io/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <vector>

#include "peftlab/error.h"

namespace peftlab::io {
namespace {

namespace fs = std::filesystem;

constexpr char kTemporaryMark[] = ".peftlab-tmp-";
constexpr char kReplacedMark[] = ".peftlab-old";

void refuse_special_target(const fs::path& target) {
  struct stat status;
  if (::stat(target.c_str(), &status) != 0) return;
  if (S_ISDIR(status.st_mode)) throw RunError(target.string() + ": cannot write: is a folder, expected a file");
  if (!S_ISREG(status.st_mode)) throw RunError(target.string() + ": cannot write: is no regular file");
}

std::string without_mark(const std::string& name, const char* mark) { return name.substr(1, name.find(mark) - 1); }

}  // namespace

std::string read_file(const fs::path& path, uint64_t limit_bytes) {
  const Descriptor file = open_for_reading(path);
  std::string bytes;
  // Files of /proc say that they are empty: the size is a hint, the end of the file decides.
  uint64_t room = file_size(file, path);
  if (room > limit_bytes) {
    throw ConfigError(path.string() + ": has " + std::to_string(room) + " bytes, at most " +
                      std::to_string(limit_bytes) + " are read");
  }
  size_t filled = 0;
  for (;;) {
    bytes.resize(std::max<size_t>(static_cast<size_t>(room) + 1, filled + 4096));
    const size_t got = read_some(file, bytes.data() + filled, bytes.size() - filled, path);
    filled += got;
    if (got == 0) break;
    if (filled > limit_bytes) {
      throw ConfigError(path.string() + ": has more than the " + std::to_string(limit_bytes) + " bytes that are read");
    }
    if (filled == bytes.size()) room = 2 * filled;
  }
  bytes.resize(filled);
  return bytes;
}

uint64_t free_bytes(const fs::path& path) {
  std::error_code ignored;
  fs::path existing = fs::absolute(path, ignored);
  struct statvfs status;
  while (::statvfs(existing.c_str(), &status) != 0) {
    if (!existing.has_relative_path()) return 0;
    existing = existing.parent_path();
  }
  return static_cast<uint64_t>(status.f_bavail) * status.f_frsize;
}

fs::path temporary_beside(const fs::path& target) {
  static std::atomic<uint64_t> counter{0};
  const std::string unique = std::to_string(::getpid()) + "-" + std::to_string(counter++);
  return target.parent_path() / ("." + target.filename().string() + kTemporaryMark + unique);
}

fs::path replaced_beside(const fs::path& target) {
  return target.parent_path() / ("." + target.filename().string() + kReplacedMark);
}

void remove_leftovers(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    entries.push_back(it->path());
  for (const fs::path& entry : entries) {
    const std::string name = entry.filename().string();
    if (name[0] != '.') continue;
    if (name.find(kTemporaryMark) != std::string::npos) {
      fs::remove_all(entry, error);
    } else if (name.ends_with(kReplacedMark)) {
      const fs::path target = folder / without_mark(name, kReplacedMark);
      if (fs::exists(target, error)) fs::remove_all(entry, error);
      else fs::rename(entry, target, error);
    }
    if (error) throw RunError(entry.string() + ": cannot remove what an interrupted run left: " + error.message());
  }
}

AtomicFile::AtomicFile(fs::path target, uint64_t expected_bytes)
    : target_(std::move(target)), temporary_(temporary_beside(target_)), expected_bytes_(expected_bytes) {
  refuse_special_target(target_);
  // A killed process with the same number may have left the name: O_EXCL alone would then never succeed.
  ::unlink(temporary_.c_str());
  file_ = Descriptor(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file_.is_open()) fail(errno);
}

AtomicFile::~AtomicFile() {
  if (temporary_.empty()) return;
  file_.close();
  ::unlink(temporary_.c_str());
}

void AtomicFile::fail(int error) { throw_write_failure(target_, expected_bytes_, error); }

void AtomicFile::write(const void* bytes, size_t size) {
  if (expected_bytes_ < size) expected_bytes_ = size;
  const char* next = static_cast<const char*>(bytes);
  constexpr size_t kMostPerCall = size_t{1} << 30;
  while (size > 0) {
    const ssize_t done = ::write(file_.number(), next, std::min(size, kMostPerCall));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) fail(done < 0 ? errno : EIO);
    next += done;
    size -= static_cast<size_t>(done);
  }
}

void AtomicFile::commit() {
  while (::fsync(file_.number()) != 0) {
    if (errno != EINTR) fail(errno);
  }
  if (!file_.close()) fail(errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail(errno);
  temporary_.clear();
  sync_folder(target_.parent_path());
}

void write_file(const fs::path& path, std::string_view bytes) {
  AtomicFile file(path, bytes.size());
  file.write(bytes);
  file.commit();
}

AppendFile::AppendFile(fs::path path) : path_(std::move(path)) {
  file_ = Descriptor(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (!file_.is_open()) throw_write_failure(path_, 0, errno);
}

void AppendFile::append(std::string_view bytes) {
  struct stat before;
  const bool known = ::fstat(file_.number(), &before) == 0 && S_ISREG(before.st_mode);
  try {
    write_all(file_, bytes.data(), bytes.size(), path_);
  } catch (const RunError&) {
    // Half a line would spoil the log for every reader.
    if (known && ::ftruncate(file_.number(), before.st_size) != 0) {
      throw RunError(path_.string() + ": cannot write, and its last line is incomplete: " + error_text(errno));
    }
    throw;
  }
}

void AppendFile::sync() { sync_file(file_, path_); }

}  // namespace peftlab::io
