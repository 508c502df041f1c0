// Experiments in a folder of their own, for tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/lab/experiment.h"

namespace peftlab::lab {

namespace fs = std::filesystem;

constexpr const char* kWhole = R"({
  "about": "why",
  "model": "tiny",
  "task": "roads",
  "method": {"name": "lora", "rank": 8},
  "train": {"learning_rate": 1e-3},
  "evaluate": {"forgetting": false}
})";

class ExperimentFile : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "tasks");
    fs::create_directories(folder_ / "bases");
    write("models.json", R"({"tiny": {}, "small": {}})");
    write("tasks/roads.json", "{}");
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) const { std::ofstream(folder_ / name) << text; }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  Experiment load(const std::string& text, const std::vector<std::string>& set = {}) const {
    write("e.json", text);
    std::vector<Override> overrides;
    for (const auto& one : set) overrides.push_back(parse_override(one));
    return load_experiment(folder_ / "e.json", overrides);
  }

  // What is wrong, without the test's folder.
  std::vector<std::string> mistakes(const std::string& text, const std::vector<std::string>& set = {}) const {
    std::string all;
    try {
      load(text, set);
    } catch (const ConfigError& error) {
      all = error.what();
    }
    for (auto at = all.find(path("")); at != std::string::npos; at = all.find(path(""))) all.erase(at, path("").size());
    std::vector<std::string> lines;
    std::istringstream in(all);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  // The same for one more member of `train`.
  std::vector<std::string> train_mistakes(const std::string& members) const {
    return mistakes(
        R"({"about": "why", "model": "tiny", "task": "roads", "method": "lora", "evaluate": {"forgetting": false},
"train": {"learning_rate": 1, )" +
        members + "}}");
  }

  const fs::path folder_ = fs::path(::testing::TempDir()) / ("peftlab experiment " + std::to_string(::getpid()));
};

}  // namespace peftlab::lab
