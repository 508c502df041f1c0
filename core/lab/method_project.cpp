#include "core/lab/method_project.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "core/io/files.h"
#include "core/lab/places.h"
#include "core/lab/version.h"
#include "core/plugin/library.h"

namespace peftlab::lab {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLongestName = 40;

constexpr char kSource[] = R"(// @Class@: say here what it is, and where it is published.
//
//   y = (W x + bias) * (1 + s),  s: (out)
//
// s starts at zero, so that the patched model equals the base model.
#include "peftlab/method.h"

namespace {

/// Fills one matrix. Its parameters are what is trained and saved.
class @Class@Patch final : public peftlab::WeightPatch {
 public:
  @Class@Patch(int64_t out, torch::ScalarType type) : s_(register_parameter("scale", torch::zeros({out}, type))) {}

  torch::Tensor forward(const peftlab::FrozenLinear& base, const torch::Tensor& x) override {
    return base(x) * (1 + s_).to(x.scalar_type());  // (..., out)
  }

  /// Weight and bias that do the same. Without this function a run of the method cannot be merged.
  std::optional<peftlab::Merged> merged(const peftlab::FrozenLinear& base) const override {
    const auto factor = 1 + s_;  // (out)
    const auto bias = base.bias().defined() ? base.bias() * factor : base.bias();
    return peftlab::Merged{base.weight() * factor.unsqueeze(1), bias};
  }

 private:
  torch::Tensor s_;  // (out)
};

peftlab::Targets every_linear_layer() {
  peftlab::Targets targets;
  targets.all_linear = true;
  return targets;
}

class @Class@ final : public peftlab::Method {
 public:
  /// Reading an option declares it: name, default, meaning. What is wrong is collected and told at once.
  explicit @Class@(peftlab::Options& options)
      : targets_(options.targets("targets", every_linear_layer(), "which matrices are filled")) {}

  void attach(peftlab::InjectionPoints& points, const peftlab::Adapter*) override {
    for (const auto* base : points.weights(targets_)) {
      points.fill_weight(*base, std::make_shared<@Class@Patch>(base->out(), points.trainable_type()));
    }
  }

 private:
  peftlab::Targets targets_;
};

}  // namespace

// The library's name, one line, where it is published, whether it starts as the base model, who reads PEFT's adapters.
PEFTLAB_METHOD(@Class@, "@name@", "outputs of matrices scaled by trained factors", "not published", true, nullptr)
)";

constexpr char kBuild[] = R"(cmake_minimum_required(VERSION 3.25)
project(@name@ LANGUAGES CXX)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

# The peftlab that wrote this file; -Dpeftlab_DIR=... names another.
find_package(peftlab @version@ REQUIRED HINTS "@package@")
peftlab_add_method(@name@ @name@.cpp)
)";

constexpr char kExperiment[] = R"({
  "about": "A first run: does @name@ learn at all? Forty steps, few items; take those limits away for a real one.",
  "extends": "@experiments@/bases/roads.json",
  "method": { "name": "@name@" },
  "train": { "max_steps": 40, "learning_rate": 1e-2 },
  "evaluate": { "max_items": 8, "max_new_tokens": 48, "forgetting": false }
}
)";

constexpr char kReadme[] = R"(# @name@

A method for peftlab, in @name@.cpp.

    cmake -B build                       # -Dpeftlab_DIR=... where another peftlab is meant
    cmake --build build
    peftlab check build/@name@.so        # holds it to everything that is promised of methods
    export PEFTLAB_METHODS=$PWD/build    # where peftlab looks for methods
    peftlab methods @name@
    peftlab run @name@.json
)";

std::string class_name(const std::string& name) {
  std::string text;
  bool upper = true;
  for (const char c : name) {
    if (c != '_') text += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = c == '_';
  }
  return text;
}

/// `text` with each "@key@" replaced.
std::string filled(std::string text, const std::map<std::string, std::string>& values) {
  for (const auto& [key, value] : values) {
    const std::string mark = "@" + key + "@";
    for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + value.size()))
      text.replace(at, mark.size(), value);
  }
  return text;
}

/// For a text between quotes of CMake and JSON alike.
std::string quotable(const fs::path& path, const std::string& what) {
  const auto text = path.generic_string();
  if (text.find_first_of("\"\\$@\n") != std::string::npos) {
    throw ConfigError(text + ": " + what +
                      " lies in a folder whose name no file can quote; move it to one without \", \\, $ and @");
  }
  return text;
}

std::string major_and_minor() {
  const std::string version = kVersion;
  return version.substr(0, version.find('.', version.find('.') + 1));
}

void write_all(const std::map<std::string, std::string>& files, const fs::path& folder) {
  const auto absolute = fs::absolute(folder).lexically_normal();
  std::error_code error;
  fs::create_directories(absolute.parent_path(), error);
  const auto temporary = io::temporary_beside(absolute);
  try {
    if (!fs::create_directory(temporary, error))
      throw RunError(absolute.string() + ": cannot be made: " + error.message());
    for (const auto& [name, text] : files) io::write_file(temporary / name, text);
    fs::rename(temporary, absolute, error);
    if (error) throw RunError(absolute.string() + ": cannot be made: " + error.message());
  } catch (...) {
    fs::remove_all(temporary, error);
    throw;
  }
}

}  // namespace

void check_method_name(const std::string& name) {
  const bool begins = !name.empty() && name.front() >= 'a' && name.front() <= 'z';
  if (!begins || name.size() > kLongestName ||
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos) {
    throw ConfigError("'" + name +
                      "' cannot name a method; expected a small letter, then small letters, digits and '_', at most " +
                      std::to_string(kLongestName) + " of them");
  }
  const auto known = plugin::method_names();
  if (std::find(known.begin(), known.end(), name) != known.end()) {
    throw ConfigError("there is a method '" + name + "' already; choose another name");
  }
}

fs::path package_folder() {
  std::error_code error;
  const auto program = fs::read_symlink("/proc/self/exe", error);
  const auto folder = (program.parent_path() / "../lib/cmake/peftlab").lexically_normal();
  if (!fs::exists(folder / "peftlabConfig.cmake", error)) {
    throw ConfigError(
        folder.string() +
        ": no peftlabConfig.cmake there, which a project needs to find peftlab; build or install it anew");
  }
  return folder;
}

std::vector<std::string> write_method_project(const std::string& name, const fs::path& folder) {
  check_method_name(name);
  std::error_code error;
  if (fs::exists(fs::symlink_status(folder, error))) {
    throw ConfigError(folder.string() + ": exists already and is not written over; give the name of a new folder");
  }
  const std::map<std::string, std::string> values = {
      {"name", name},
      {"Class", class_name(name)},
      {"version", major_and_minor()},
      {"package", quotable(package_folder(), "peftlab")},
      {"experiments", quotable(experiments_folder(), "its experiments")}};
  const std::map<std::string, std::string> files = {{name + ".cpp", filled(kSource, values)},
                                                    {"CMakeLists.txt", filled(kBuild, values)},
                                                    {name + ".json", filled(kExperiment, values)},
                                                    {"README.md", filled(kReadme, values)}};
  write_all(files, folder);
  std::vector<std::string> names;
  for (const auto& [file, text] : files) names.push_back(file);
  return names;
}

}  // namespace peftlab::lab
