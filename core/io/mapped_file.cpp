#include "core/io/mapped_file.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <limits>
#include <mutex>
#include <set>
#include <utility>

#include "core/io/descriptor.h"
#include "peftlab/error.h"

namespace peftlab::io {
namespace {

struct Registry {
  std::mutex mutex;
  std::multiset<std::pair<uint64_t, uint64_t>> mapped;  // device, inode
};

// Only a list of the whole process can tell a writer that its target is being read.
Registry& registry() {
  static Registry instance;
  return instance;
}

}  // namespace

MappedFile::MappedFile(std::filesystem::path path) : path_(std::move(path)) {
  const Descriptor file = open_for_reading(path_);
  struct stat status;
  if (::fstat(file.number(), &status) != 0) throw ConfigError(path_.string() + ": cannot read: " + error_text(errno));
  if (static_cast<uint64_t>(status.st_size) > std::numeric_limits<size_t>::max() / 2) {
    throw ConfigError(path_.string() + ": too large to map");
  }
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) return;
  void* map = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (map == MAP_FAILED) throw ConfigError(path_.string() + ": cannot map: " + error_text(errno));
  data_ = static_cast<const std::byte*>(map);
  device_ = status.st_dev;
  inode_ = status.st_ino;
  const std::lock_guard lock(registry().mutex);
  registry().mapped.emplace(device_, inode_);
}

MappedFile::~MappedFile() {
  if (data_ == nullptr) return;
  ::munmap(const_cast<std::byte*>(data_), size_);
  const std::lock_guard lock(registry().mutex);
  registry().mapped.erase(registry().mapped.find({device_, inode_}));
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      device_(other.device_),
      inode_(other.inode_) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  return *this;
}

void MappedFile::release_pages() const {
  if (data_ != nullptr) ::madvise(const_cast<std::byte*>(data_), size_, MADV_DONTNEED);
}

bool is_mapped(const std::filesystem::path& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return false;
  const std::lock_guard lock(registry().mutex);
  return registry().mapped.contains({status.st_dev, status.st_ino});
}

}  // namespace peftlab::io
