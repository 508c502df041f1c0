// One writer for a folder.
#pragma once

#include <filesystem>

#include "core/io/descriptor.h"

namespace peftlab::io {

/// Holds `path` (made when it is not there, removed at the end) for this process. The system frees the lock of a
/// process that died, however it died, so the next one takes it over.
class LockFile {
 public:
  /// Throws ConfigError naming process and host of the owner when somebody else holds it, another LockFile of this
  /// process included; RunError when the file cannot be made.
  explicit LockFile(std::filesystem::path path);
  ~LockFile();
  LockFile(LockFile&& other) noexcept = default;
  LockFile& operator=(LockFile&&) = delete;

 private:
  std::filesystem::path path_;
  Descriptor file_;
};

/// Whether somebody holds the lock, this process included. Nothing is made and nobody kept from locking.
bool is_locked(const std::filesystem::path& path);

}  // namespace peftlab::io
