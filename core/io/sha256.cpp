#include "core/io/sha256.h"

#include <fcntl.h>
#include <openssl/evp.h>

#include <array>
#include <stdexcept>
#include <vector>

#include "core/io/descriptor.h"

namespace peftlab::io {

struct Sha256::State {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (!state_->context || EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("libcrypto offers no SHA-256");
  }
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::string_view bytes) { update(bytes.data(), bytes.size()); }

void Sha256::update(const void* bytes, size_t size) {
  if (EVP_DigestUpdate(state_->context.get(), bytes, size) != 1) throw std::runtime_error("libcrypto: SHA-256 failed");
}

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(state_->context.get(), digest.data(), &size) != 1) {
    throw std::runtime_error("libcrypto: SHA-256 failed");
  }
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 hasher;
  hasher.update(bytes);
  return hasher.hex();
}

std::string sha256_file(const std::filesystem::path& path) {
  constexpr size_t kPieceBytes = size_t{1} << 20;
  const Descriptor file = open_for_reading(path);
  std::vector<char> piece(kPieceBytes);
  Sha256 hasher;
  while (const size_t got = read_some(file, piece.data(), piece.size(), path)) hasher.update(piece.data(), got);
  return hasher.hex();
}

}  // namespace peftlab::io
