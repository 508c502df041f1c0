// Checked system calls on files: what files.h, lock_file.h and the readers stand on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

namespace peftlab::io {

/// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  /// False when the system reports that earlier writes were lost.
  bool close();

 private:
  int number_;
};

/// The system's words for an error number, beginning in lower case.
std::string error_text(int error);

/// Throws RunError: the path, the bytes wanted (0: none are named), the reason, the bytes free, what to do.
[[noreturn]] void throw_write_failure(const std::filesystem::path& path, uint64_t wanted_bytes, int error);

/// Throws ConfigError with the path when it does not exist, is no regular file or may not be read.
Descriptor open_for_reading(const std::filesystem::path& path);

/// Size of an open file in bytes.
uint64_t file_size(const Descriptor& file, const std::filesystem::path& path);

/// Reads up to `size` bytes; 0 at the end of the file. Throws ConfigError.
size_t read_some(const Descriptor& file, void* to, size_t size, const std::filesystem::path& path);

/// Writes all, in as many calls as it takes. Throws RunError.
void write_all(const Descriptor& file, const void* from, size_t size, const std::filesystem::path& path);

/// Waits until what was written is on the device. Throws RunError. Files that cannot be synced (pipes, devices) are let
/// be.
void sync_file(const Descriptor& file, const std::filesystem::path& path);

/// The same for a folder's entries: call after a rename inside it.
void sync_folder(const std::filesystem::path& folder);

}  // namespace peftlab::io
