// What a run is: a hash of everything that decides its result, known before anything heavy is loaded.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/io/json.h"
#include "core/lab/loaded_model.h"

namespace peftlab::lab {

/// Hashes of what an experiment names, and the numbers that the machine gives it.
struct Sources {
  std::string model;  // of the weights, before any storage
  std::string data;   // of the splits
  std::string task;
  std::string tokenizer;
  std::string format;  // of the chat template
  torch::ScalarType type = torch::kFloat32;
  torch::Device device = torch::kCPU;
};

/// For run.json: all hashes, those of the starting adapter and the forgetting texts read here. REQUIRES: the methods'
/// options are filled in.
io::Json hashes_of(const Experiment& experiment, const Sources& sources);

/// For run.json: the type of the frozen weights and the device.
io::Json numbers_of(const Sources& sources);

/// SHA-256 of hashes, numbers, seed and result version.
std::string identity_of(const io::Json& hashes, const io::Json& numbers, int64_t seed);

/// Tells what runs are before they begin. A model, and a task's data, are read once however many runs share them.
class IdentityFinder {
 public:
  struct Found {
    std::string identity;
    io::Json hashes, numbers;
    io::Json data;  // metric and sizes of the splits, as in run.json
  };

  /// Makes the methods, which fills in their options, and fetches model and data where they are missing. Throws
  /// ConfigError for what the user can mend and RunError for what cannot be fetched.
  Found operator()(Experiment& experiment);

  /// Of the task's training split; its metric. They fetch and throw as above.
  int64_t num_train_examples(const std::filesystem::path& task) { return data_of(task).sizes.at("train"); }
  const std::string& metric(const std::filesystem::path& task) { return data_of(task).metric; }

 private:
  struct Model {
    std::string hash, tokenizer, format;
  };
  struct Data {
    std::string hash, task_hash, metric;
    std::map<std::string, int64_t> sizes;  // of the splits
  };
  const Model& model_at(const std::filesystem::path& path);
  const Data& data_of(const std::filesystem::path& task);

  std::map<std::string, std::filesystem::path> paths_;  // of models of the list
  std::map<std::filesystem::path, Model> models_;
  std::map<std::filesystem::path, Data> data_;
};

}  // namespace peftlab::lab
