// Files read through the page cache, without a copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

namespace peftlab::io {

/// A whole file, read-only. Whoever shortens the file meanwhile ends this process (SIGBUS): peftlab's own writers never
/// do, they rename.
class MappedFile {
 public:
  /// Throws ConfigError with the path when the file cannot be opened or mapped. An empty file is an empty map.
  explicit MappedFile(std::filesystem::path path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  /// Gives the pages read so far back to the system; they come back, from the page cache or the disk, when they are read again.
  void release_pages() const;

  const std::filesystem::path& path() const { return path_; }
  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  std::string_view text(size_t begin, size_t size) const {
    return {reinterpret_cast<const char*>(data_) + begin, size};
  }

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  uint64_t device_ = 0;
  uint64_t inode_ = 0;
};

/// Whether a MappedFile of this process shows the file that `path` names now. Any thread.
bool is_mapped(const std::filesystem::path& path);

}  // namespace peftlab::io
