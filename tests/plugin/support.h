// What the tests of this folder share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "core/plugin/attached.h"
#include "tests/support/scratch.h"

namespace peftlab::plugin {

/// Libraries built from tests/plugin/broken/.
inline const std::filesystem::path kBroken = std::filesystem::path(PEFTLAB_BUILD_DIR) / "tests" / "broken_methods";

using test::Scratch;

/// Sets an environment variable for a while.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~Environment() { ::unsetenv(name_); }

 private:
  const char* name_;
};

/// What a call throws, or "" when it throws nothing.
template <typename Error, typename Call>
std::string thrown(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// The method made from options as an experiment file would hold them; all mistakes are thrown.
inline CreatedMethod created(const std::string& name, const std::string& options) {
  const auto document = io::parse_json(R"({"method":)" + options + "}", "test.json");
  io::Mistakes mistakes;
  auto made = create_method(find_method(name), document, "/method", mistakes);
  mistakes.throw_if_any();
  return made;
}

}  // namespace peftlab::plugin
