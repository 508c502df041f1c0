// Reading and writing files so that a crash, a full disk or a second process never leaves half of one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/io/descriptor.h"
#include "core/io/sha256.h"

namespace peftlab::io {

constexpr uint64_t kReadLimitBytes = uint64_t{1} << 30;

/// The whole file. Throws ConfigError with the path when it cannot be read or is larger than `limit_bytes`.
std::string read_file(const std::filesystem::path& path, uint64_t limit_bytes = kReadLimitBytes);

/// Bytes an ordinary user may still write to the file system of `path` (of its nearest parent that exists); 0 if
/// unknown.
uint64_t free_bytes(const std::filesystem::path& path);

/// Replaces or makes the file as a whole: written beside the target, synced, renamed, folder synced. Whoever reads sees
/// the old bytes or the new ones. Mode bits follow the umask. Throws RunError naming path, bytes wanted and bytes free;
/// then the target is as it was and nothing is left beside it. A target that exists and is no regular file is refused.
void write_file(const std::filesystem::path& path, std::string_view bytes);

/// The same in pieces.
class AtomicFile {
 public:
  /// Opens a temporary file beside `target`, whose folder must exist. `expected_bytes` is named when writing fails.
  explicit AtomicFile(std::filesystem::path target, uint64_t expected_bytes = 0);
  /// Removes the temporary file unless committed.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* bytes, size_t size);
  void write(std::string_view bytes) { write(bytes.data(), bytes.size()); }
  /// Syncs and puts the file in place. Nothing may be written after it.
  void commit();

 private:
  [[noreturn]] void fail(int error);

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  uint64_t expected_bytes_;
  Descriptor file_;
};

/// A log that grows by whole lines and stays readable after a crash.
class AppendFile {
 public:
  /// Makes the file when it is not there. Throws RunError.
  explicit AppendFile(std::filesystem::path path);

  /// Hands the bytes to the system before it returns, so they survive the end of this process. Throws RunError; then
  /// the file is as long as before.
  void append(std::string_view bytes);
  /// Waits until all is on the device, so that it survives a power cut too.
  void sync();

 private:
  std::filesystem::path path_;
  Descriptor file_;
};

/// A name in the folder of `target` for what is not finished yet, unlike any other of this and other processes.
std::filesystem::path temporary_beside(const std::filesystem::path& target);

/// Removes what writers that were killed left in `folder`, and puts back a folder that was being replaced where the
/// file system cannot swap two of them. REQUIRES: nobody else writes there now (hold a LockFile).
void remove_leftovers(const std::filesystem::path& folder);

/// Where FolderWriter keeps the old folder while it is replaced on a file system that cannot swap.
std::filesystem::path replaced_beside(const std::filesystem::path& target);

}  // namespace peftlab::io
