// Options of a method on a tiny model, as an experiment file has them.
#pragma once

#include <string>

#include "tests/support/tolerance.h"
#include "tests/support/toy.h"

namespace peftlab::test {

/// A method's options: its name and `more`, which stands inside the braces.
inline std::string with_name(const std::string& name, const std::string& more) {
  return R"({"name":")" + name + "\"" + (more.empty() ? "" : "," + more) + "}";
}

/// What is said against a method with these options on a golden model.
inline std::string mistakes_of(const std::string& name, const std::string& more,
                               const std::string& model = "models/llama") {
  return message_of([&] { Toy toy(with_name(name, more), torch::kFloat32, 0, model); });
}

}  // namespace peftlab::test
