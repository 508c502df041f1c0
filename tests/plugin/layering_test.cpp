// The one way of the includes: cli -> study, check -> lab, page -> train, evaluate, compare, report -> data, text, plugin, parts, model
// -> kernels, quant, io -> include/peftlab. And: core names no method, methods include nothing of core.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "core/io/files.h"

namespace peftlab {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = PEFTLAB_SOURCE_DIR;

const std::map<std::string, int> kLevels = {{"io", 0},     {"quant", 0}, {"kernels", 0},  {"model", 1},  {"plugin", 1}, {"parts", 1}, {"text", 1},
                                            {"data", 1},   {"train", 2}, {"evaluate", 2}, {"report", 2}, {"compare", 2}, {"page", 2}, {"lab", 3},    {"check", 4},    {"study", 4},  {"cli", 5}};

std::vector<fs::path> sources_in(const fs::path& folder) {
  std::vector<fs::path> sources;
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
    const auto suffix = entry.path().extension();
    if (suffix == ".h" || suffix == ".cpp" || suffix == ".inc") sources.push_back(entry.path());
  }
  return sources;
}

std::vector<std::string> includes_of(const std::string& text) {
  static const std::regex pattern("#\\s*include\\s*[\"<]([^\">]+)[\">]");
  std::vector<std::string> result;
  for (auto it = std::sregex_iterator(text.begin(), text.end(), pattern); it != std::sregex_iterator(); ++it) result.push_back((*it)[1]);
  return result;
}

// "core/io/json.h" -> "io"; "" for what is not of core.
std::string folder_of(const std::string& include) {
  if (!include.starts_with("core/")) return "";
  const auto rest = include.substr(5);
  return rest.substr(0, rest.find('/'));
}

// For each folder of core the other folders it includes.
std::map<std::string, std::set<std::string>> edges() {
  std::map<std::string, std::set<std::string>> result;
  for (const auto& [folder, level] : kLevels) {
    if (!fs::exists(kRoot / "core" / folder)) continue;
    for (const auto& source : sources_in(fs::path("core") / folder)) {
      for (const auto& include : includes_of(io::read_file(source))) {
        const auto other = folder_of(include);
        if (!other.empty() && other != folder) result[folder].insert(other);
      }
    }
  }
  return result;
}

bool reaches(const std::map<std::string, std::set<std::string>>& graph, const std::string& from, const std::string& to,
             std::set<std::string>& seen) {
  if (!seen.insert(from).second || !graph.contains(from)) return false;
  for (const auto& next : graph.at(from)) {
    if (next == to || reaches(graph, next, to, seen)) return true;
  }
  return false;
}

TEST(Layering, EveryFolderOfCoreHasItsPlace) {
  for (const auto& entry : fs::directory_iterator(kRoot / "core")) {
    if (!entry.is_directory()) continue;
    EXPECT_TRUE(kLevels.contains(entry.path().filename().string())) << entry.path();
  }
}

TEST(Layering, FoldersIncludeWhatStandsToTheirRight) {
  const auto graph = edges();
  for (const auto& [folder, others] : graph) {
    for (const auto& other : others) {
      ASSERT_TRUE(kLevels.contains(other)) << "core/" << folder << " includes core/" << other << ", which is no folder";
      EXPECT_LE(kLevels.at(other), kLevels.at(folder)) << "core/" << folder << " includes core/" << other;
    }
    std::set<std::string> seen;
    EXPECT_FALSE(reaches(graph, folder, folder, seen)) << "core/" << folder << " includes itself through others";
  }
  EXPECT_TRUE(graph.contains("plugin"));
}

TEST(Layering, FoldersWithoutLibtorchStaySo) {
  for (const char* folder : {"io", "quant", "text", "data", "report", "compare", "page"}) {
    if (!fs::exists(kRoot / "core" / folder)) continue;
    for (const auto& source : sources_in(fs::path("core") / folder)) {
      for (const auto& include : includes_of(io::read_file(source))) {
        EXPECT_FALSE(include.starts_with("torch/") || include.starts_with("ATen/") || include.starts_with("c10/")) << source << " includes " << include;
      }
    }
  }
}

TEST(Layering, CoreNamesNoMethod) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(kRoot / "methods")) {
    if (entry.path().extension() == ".cpp") names.insert(entry.path().stem().string());
  }
  ASSERT_TRUE(names.contains("lora"));
  for (const auto& source : sources_in("core")) {
    const auto text = io::read_file(source);
    for (const auto& name : names) EXPECT_EQ(text.find("\"" + name + "\""), std::string::npos) << source << " names the method " << name;
    for (const auto& include : includes_of(text)) EXPECT_FALSE(include.starts_with("methods/")) << source << " includes " << include;
  }
}

TEST(Layering, MethodsIncludeThePluginHeadersAlone) {
  const auto sources = sources_in("methods");
  ASSERT_FALSE(sources.empty());
  for (const auto& source : sources) {
    for (const auto& include : includes_of(io::read_file(source))) {
      EXPECT_FALSE(include.starts_with("core/") || include.find("..") != std::string::npos) << source << " includes " << include;
    }
  }
  for (const auto& header : sources_in("include")) {
    for (const auto& include : includes_of(io::read_file(header))) EXPECT_FALSE(include.starts_with("core/")) << header << " includes " << include;
  }
}

}  // namespace
}  // namespace peftlab
