// One experiment: everything a run needs to know, typed and checked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/evaluate/settings.h"
#include "core/io/json.h"
#include "core/lab/layers.h"
#include "core/model/quantization.h"
#include "core/train/settings.h"

namespace peftlab::lab {

enum class Device { automatic, cpu, cuda };

struct ModelChoice {
  std::string name;            // of the model list, or as the experiment gave it
  std::filesystem::path path;  // Hugging Face folder or GGUF file, absolute; empty for a name of the model list
  std::string dtype = "auto";  // of the frozen weights: "auto", "bf16", "f32"
  std::optional<model::Quantization> quantize;  // how the layers' matrices are kept; nothing: as they are
};

struct MethodChoice {
  std::string name;
  io::Json options;     // what the experiment says, without the name: the method's library checks it
  io::Pointer pointer;  // of the method in Experiment::document
};

struct Experiment {
  std::string name;  // the file's, without its ending
  std::filesystem::path file;
  std::filesystem::path library;  // the folder of models.json, tasks/ and forgetting/; empty if there is none
  io::Document document;          // all layers merged; tells where each value was given
  std::string about;
  ModelChoice model;
  std::filesystem::path task;  // the task file, absolute
  std::vector<MethodChoice> methods;
  std::filesystem::path adapter;  // where the trained tensors start from, absolute; empty: from the method's own start
  bool other_base = false;        // that adapter may have been trained on another base model
  int64_t seed = 0;
  std::vector<int64_t> seeds;  // of a comparison; {seed} if the experiment names none
  Device device = Device::automatic;
  train::Settings train;
  evaluate::Settings evaluate;

  /// Every value, defaults included, with sorted keys and without the folders of this machine. What a method leaves to
  /// its defaults is in it once `methods[i].options` holds what its library made of them.
  io::Json resolved() const;

  /// SHA-256 of resolved() without `about`, `seeds` and `other_base`, which change no result. Says nothing of what
  /// model, task, adapter and texts hold: their own hashes do.
  std::string hash() const;
};

/// Reads an experiment, what it extends, and the values set on the command line. `library` is the folder of
/// models.json, tasks/ and forgetting/; empty: the nearest folder above `file` that has a models.json, else
/// experiments_folder(). Throws ConfigError with all mistakes, each at the place that gave the value.
Experiment load_experiment(const std::filesystem::path& file, const std::vector<Override>& overrides = {},
                           std::filesystem::path library = {});

/// The JSON schema (draft 2020-12) of experiment files.
io::Json experiment_schema();

}  // namespace peftlab::lab
