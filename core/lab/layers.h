// An experiment is made of layers: the file it extends, the file itself, the values set on the command line. A later
// layer changes an earlier one, and each value remembers which layer gave it.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/io/json.h"

namespace peftlab::lab {

/// A value set on the command line: `--set /train/learning_rate=1e-3`.
struct Override {
  io::Pointer pointer;
  std::string value;  // JSON if it reads as JSON, else the string itself
};

/// Reads "/train/learning_rate=1e-3". Throws ConfigError for text without '=' or whose pointer does not begin with '/'.
Override parse_override(const std::string& text);

struct Layers {
  io::Document document;
  /// The folder that relative paths in the value at a pointer are relative to: that of the file which gave the value;
  /// the working folder for a value of the command line.
  std::function<std::filesystem::path(const io::Pointer&)> folder;
};

/// Reads a file and what it extends, and merges them: objects key by key, all else replaced; null takes away what an
/// earlier layer said. A `method` of another name replaces the whole method. Of two keys that exclude each other
/// (epochs and max_steps, warmup_ratio and warmup_steps, steps and epochs of an interval) one given later takes the
/// other away. Short forms are written out: "model", "method" and "best_metric" given as a string become objects with
/// that name, "max_items" given as a number becomes one for each split. Throws ConfigError for broken JSON and for a
/// chain of `extends` that is broken or comes back to itself; wrong overrides are added to `mistakes`.
Layers read_layers(const std::filesystem::path& file, const std::vector<Override>& overrides, io::Mistakes& mistakes);

}  // namespace peftlab::lab
