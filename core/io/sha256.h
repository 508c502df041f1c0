// SHA-256 of bytes, files and streams, as 64 lower-case hexadecimal digits.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace peftlab::io {

/// Takes bytes piece by piece.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::string_view bytes);
  void update(const void* bytes, size_t size);
  /// The digest of all that was given. REQUIRES: called once, nothing after it.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::string_view bytes);

/// Reads the file in pieces, whatever its size. Throws ConfigError with the path when it cannot be read.
std::string sha256_file(const std::filesystem::path& path);

}  // namespace peftlab::io
