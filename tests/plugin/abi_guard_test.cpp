// Fails when the plugin headers change and nobody decided whether methods that were built before may still be loaded.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/io/files.h"
#include "core/io/sha256.h"
#include "peftlab/abi.h"

namespace peftlab {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = PEFTLAB_SOURCE_DIR;

// The text without comments and white space; what stands in quotes is kept as it is.
std::string stripped(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      const size_t begin = i++;
      while (i < text.size() && text[i] != '"') i += text[i] == '\\' ? 2 : 1;
      result += text.substr(begin, i - begin + 1);
    } else if (text.compare(i, 2, "//") == 0) {
      i = std::min(text.find('\n', i), text.size());
    } else if (text.compare(i, 2, "/*") == 0) {
      i = std::min(text.find("*/", i), text.size()) + 1;
    } else if (std::isspace(static_cast<unsigned char>(text[i])) == 0) {
      result += text[i];
    }
  }
  return result;
}

std::string headers_hash() {
  std::vector<fs::path> headers;
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / "include" / "peftlab")) {
    if (entry.is_regular_file()) headers.push_back(entry.path());
  }
  std::sort(headers.begin(), headers.end());
  std::string all;
  for (const auto& header : headers) all += header.filename().string() + "\n" + stripped(io::read_file(header)) + "\n";
  return io::sha256_hex(all);
}

TEST(AbiGuard, StripsCommentsAndSpaceOnly) {
  EXPECT_EQ(stripped("int a; // b\n /* c */ int  d = \"// e\";"), "inta;intd=\"// e\";");
  EXPECT_NE(stripped("int f(int);"), stripped("int f(long);"));
  EXPECT_EQ(stripped("a /* never ends"), "a");
}

TEST(AbiGuard, HeadersAreThoseOfTheAbiNumber) {
  std::ifstream file(kRoot / "tests" / "plugin" / "abi_guard.txt");
  int abi = 0;
  std::string hash;
  file >> abi >> hash;
  const auto now = headers_hash();
  if (abi == PEFTLAB_ABI && hash == now) return;
  FAIL() << "the headers under include/peftlab/ are not those of tests/plugin/abi_guard.txt (ABI " << abi << ").\n"
         << "If the layout or the virtual functions of a type changed since the last release, raise PEFTLAB_ABI in "
            "include/peftlab/abi.h. Then write into tests/plugin/abi_guard.txt:\n"
         << PEFTLAB_ABI << " " << now << "\n";
}

}  // namespace
}  // namespace peftlab
