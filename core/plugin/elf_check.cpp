#include "core/plugin/elf_check.h"

#include <elf.h>
#include <link.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace peftlab::plugin {
namespace {

using Header = ElfW(Ehdr);
using Segment = ElfW(Phdr);
using Section = ElfW(Shdr);

// The header of this very program: what a library must be equal to.
Header own_header() {
  std::ifstream self("/proc/self/exe", std::ios::binary);
  Header header{};
  self.read(reinterpret_cast<char*>(&header), sizeof header);
  return header;
}

bool inside(uint64_t offset, uint64_t bytes, uint64_t size) { return bytes <= size && offset <= size - bytes; }

std::string truncated(uint64_t size) {
  return "the file is truncated: its headers name data beyond its " + std::to_string(size) + " bytes; build or copy it again";
}

std::string header_fault(const Header& header) {
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return "not an ELF file; a method is a shared library (.so) built from one source file";
  }
  const Header own = own_header();
  if (header.e_ident[EI_CLASS] != own.e_ident[EI_CLASS] || header.e_ident[EI_DATA] != own.e_ident[EI_DATA] ||
      header.e_machine != own.e_machine) {
    return "built for another processor; build it on this machine";
  }
  return header.e_type == ET_DYN ? "" : "an ELF file but not a shared library; link it with -shared";
}

bool tables_fit(std::ifstream& file, const Header& header, uint64_t size) {
  if (header.e_phentsize != sizeof(Segment)) return false;
  if (!inside(header.e_phoff, uint64_t{header.e_phnum} * sizeof(Segment), size)) return false;
  if (header.e_shnum > 0 && !inside(header.e_shoff, uint64_t{header.e_shnum} * header.e_shentsize, size)) return false;
  file.seekg(static_cast<std::streamoff>(header.e_phoff));
  for (int i = 0; i < header.e_phnum; ++i) {
    Segment segment{};
    if (!file.read(reinterpret_cast<char*>(&segment), sizeof segment)) return false;
    if (segment.p_filesz > 0 && !inside(segment.p_offset, segment.p_filesz, size)) return false;
  }
  return true;
}

}  // namespace

std::string library_fault(const std::filesystem::path& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return std::string("cannot be read: ") + std::strerror(errno);
  if (!S_ISREG(status.st_mode)) return "not a file";
  if ((status.st_mode & S_IWOTH) != 0) {
    return "everybody may write to it, so anybody could have put code there; run chmod o-w on it if you trust it";
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::string("cannot be read: ") + std::strerror(errno);
  const auto size = static_cast<uint64_t>(status.st_size);
  Header header{};
  file.read(reinterpret_cast<char*>(&header), sizeof header);
  const auto read = static_cast<size_t>(file.gcount());
  if (read < sizeof header && (read < SELFMAG || std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0)) return truncated(size);
  if (auto fault = header_fault(header); !fault.empty()) return fault;
  return tables_fit(file, header, size) ? "" : truncated(size);
}

}  // namespace peftlab::plugin
