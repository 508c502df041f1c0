#include "core/io/descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <system_error>

#include "core/io/files.h"
#include "peftlab/error.h"

namespace peftlab::io {
namespace {

template <typename Call>
auto retried(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

std::string advice(int error) {
  if (error == ENOSPC || error == EDQUOT) return "make room or choose another folder";
  if (error == EACCES || error == EPERM || error == EROFS) return "choose a folder you may write to";
  if (error == ENOENT) return "make the folder first";
  return "check the disk or choose another folder";
}

}  // namespace

bool Descriptor::close() {
  const int number = std::exchange(number_, -1);
  return number < 0 || ::close(number) == 0;
}

std::string error_text(int error) {
  std::string text = std::generic_category().message(error);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

void throw_write_failure(const std::filesystem::path& path, uint64_t wanted_bytes, int error) {
  std::string text = path.string() + ": cannot write";
  if (wanted_bytes > 0) text += " " + std::to_string(wanted_bytes) + " bytes";
  text +=
      ": " + error_text(error) + "; " + std::to_string(free_bytes(path)) + " bytes are free there; " + advice(error);
  throw RunError(text);
}

Descriptor open_for_reading(const std::filesystem::path& path) {
  // Without O_NONBLOCK a named pipe would wait for a writer before it could be refused.
  const int number = retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); });
  if (number < 0) throw ConfigError(path.string() + ": cannot read: " + error_text(errno));
  Descriptor file(number);
  struct stat status;
  if (::fstat(number, &status) != 0) throw ConfigError(path.string() + ": cannot read: " + error_text(errno));
  if (S_ISDIR(status.st_mode)) throw ConfigError(path.string() + ": is a folder, expected a file");
  if (!S_ISREG(status.st_mode)) throw ConfigError(path.string() + ": is no regular file");
  return file;
}

uint64_t file_size(const Descriptor& file, const std::filesystem::path& path) {
  struct stat status;
  if (::fstat(file.number(), &status) != 0) throw ConfigError(path.string() + ": cannot read: " + error_text(errno));
  return static_cast<uint64_t>(status.st_size);
}

size_t read_some(const Descriptor& file, void* to, size_t size, const std::filesystem::path& path) {
  const ssize_t got = retried([&] { return ::read(file.number(), to, size); });
  if (got < 0) throw ConfigError(path.string() + ": cannot read: " + error_text(errno));
  return static_cast<size_t>(got);
}

void write_all(const Descriptor& file, const void* from, size_t size, const std::filesystem::path& path) {
  // Linux writes at most 0x7ffff000 bytes a call.
  constexpr size_t kMostPerCall = size_t{1} << 30;
  const char* next = static_cast<const char*>(from);
  for (size_t left = size; left > 0;) {
    const ssize_t done = retried([&] { return ::write(file.number(), next, std::min(left, kMostPerCall)); });
    if (done <= 0) throw_write_failure(path, size, done < 0 ? errno : EIO);
    next += done;
    left -= static_cast<size_t>(done);
  }
}

void sync_file(const Descriptor& file, const std::filesystem::path& path) {
  if (retried([&] { return ::fsync(file.number()); }) == 0 || errno == EINVAL || errno == ENOTSUP) return;
  throw_write_failure(path, 0, errno);
}

void sync_folder(const std::filesystem::path& folder) {
  const std::filesystem::path named = folder.empty() ? "." : folder;
  const Descriptor opened(retried([&] { return ::open(named.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!opened.is_open()) throw_write_failure(named, 0, errno);
  sync_file(opened, named);
}

}  // namespace peftlab::io
