// Random damage to a small valid file: the same sequence of mutants on every machine.
#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace peftlab::test {

class Mutator {
 public:
  /// `words` are tokens of the format: what damage puts in, and what it looks for to repeat or replace.
  Mutator(uint64_t seed, std::vector<std::string> words) : random_(seed), words_(std::move(words)) {}

  std::string operator()(std::string bytes) {
    for (uint64_t left = 1 + below(3); left > 0; --left) damage(bytes);
    return bytes;
  }

  uint64_t below(uint64_t end) { return random_() % end; }  // portable, unlike std::uniform_int_distribution

 private:
  void damage(std::string& bytes) {
    const size_t at = bytes.empty() ? 0 : below(bytes.size());
    switch (below(9)) {
      case 0: flip(bytes, at); break;
      case 1: number<uint64_t>(bytes, at); break;
      case 2: number<uint32_t>(bytes, at); break;
      case 3: bytes.resize(at); break;
      case 4: bytes.erase(at, 1 + below(16)); break;
      case 5: bytes.insert(at, bytes.substr(below(bytes.size() + 1), below(40))); break;
      case 6: bytes.insert(at, words_[below(words_.size())]); break;
      case 7: replace_word(bytes, at); break;
      default: digits(bytes, at); break;
    }
  }

  void flip(std::string& bytes, size_t at) {
    if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
  }

  template <typename T>
  void number(std::string& bytes, size_t at) {
    static constexpr uint64_t kNumbers[] = {
        0,          1,          2,          7,          8,          9,
        31,         32,         33,         255,        0x7FFFFFFF, 0x80000000,
        0xFFFFFFFF, 1ULL << 32, 1ULL << 60, 1ULL << 61, 1ULL << 62, (1ULL << 63) - 1,
        1ULL << 63, ~0ULL,      ~0ULL - 7};
    if (bytes.size() < sizeof(T)) return;
    const T value = static_cast<T>(kNumbers[below(std::size(kNumbers))]);
    std::memcpy(bytes.data() + std::min(at, bytes.size() - sizeof value), &value, sizeof value);
  }

  void replace_word(std::string& bytes, size_t at) {
    const std::string& old = words_[below(words_.size())];
    const size_t found = bytes.find(old, at);
    if (found != std::string::npos) bytes.replace(found, old.size(), words_[below(words_.size())]);
  }

  void digits(std::string& bytes, size_t at) {
    const size_t begin = bytes.find_first_of("0123456789", at);
    if (begin == std::string::npos) return;
    const size_t end = std::min(bytes.find_first_not_of("0123456789", begin), bytes.size());
    static constexpr const char* kDigits[] = {"0",  "1",   "8",  "9223372036854775807", "18446744073709551615",
                                              "-1", "1e3", "4.5"};
    bytes.replace(begin, end - begin, kDigits[below(std::size(kDigits))]);
  }

  std::mt19937_64 random_;
  std::vector<std::string> words_;
};

}  // namespace peftlab::test
