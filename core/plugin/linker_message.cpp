#include "core/plugin/linker_message.h"

#include <optional>
#include <regex>

#include "peftlab/abi.h"

namespace peftlab::plugin {
namespace {

constexpr int kOtherCxxLibrary = 9;

#define PEFTLAB_TEXT_(x) #x
#define PEFTLAB_TEXT(x) PEFTLAB_TEXT_(x)
constexpr const char* kOwnStamp = PEFTLAB_TEXT(PEFTLAB_STAMP);
#undef PEFTLAB_TEXT
#undef PEFTLAB_TEXT_

struct Facts {
  std::string abi;
  std::string torch;
  int cxx11 = 0;

  std::string words() const {
    std::string text = "peftlab ABI " + abi + ", libtorch " + torch;
    return cxx11 == 0 ? text + ", the old libstdc++ ABI (_GLIBCXX_USE_CXX11_ABI=0)" : text;
  }
};

std::optional<Facts> facts_in(const std::string& message) {
  static const std::regex pattern("peftlab_abi(\\d{1,9})_torch(\\d{1,9})_(\\d{1,9})_(\\d{1,9})_cxx11abi(\\d)");
  std::smatch found;
  if (!std::regex_search(message, found, pattern)) return std::nullopt;
  return Facts{found[1], found[2].str() + "." + found[3].str() + "." + found[4].str(), std::stoi(found[5])};
}

std::string remedy(const std::string& stem) {
  return "; rebuild it against this peftlab (in its own tree: cmake --build BUILD_FOLDER --target method_" + stem + ")";
}

std::string other_cxx_library(const std::string& stem) {
  return "built with another C++ library (libc++); peftlab and libtorch use libstdc++: compile it without -stdlib=libc++" +
         remedy(stem);
}

// The name after `before`, up to what ends a symbol or file name; "" if it is not there.
std::string name_after(const std::string& message, const std::string& before) {
  const auto at = message.find(before);
  if (at == std::string::npos) return "";
  const auto begin = at + before.size();
  return message.substr(begin, message.find_first_of(" ,;)\n", begin) - begin);
}

}  // namespace

std::string linker_reason(const std::string& message, const std::string& stem) {
  if (const auto facts = facts_in(message)) {
    if (facts->cxx11 == kOtherCxxLibrary) return other_cxx_library(stem);
    return "built for " + facts->words() + "; this program has " + facts_in(kOwnStamp)->words() + remedy(stem);
  }
  const auto symbol = name_after(message, "undefined symbol: ");
  if (symbol.find("St3__1") != std::string::npos || message.find("libc++.so") != std::string::npos ||
      message.find("libc++abi.so") != std::string::npos) {
    return other_cxx_library(stem);
  }
  if (!symbol.empty()) {
    return "it needs the symbol '" + symbol + "', which neither peftlab nor a library it is linked with has; link what it lacks, or" +
           remedy(stem).substr(1);
  }
  return "the dynamic linker refuses it: " + message;
}

}  // namespace peftlab::plugin
