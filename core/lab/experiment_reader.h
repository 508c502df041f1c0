// Turns the merged layers of an experiment into an Experiment, and says what is wrong with them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/io/object_reader.h"
#include "core/lab/experiment.h"
#include "core/lab/layers.h"

namespace peftlab::lab {

/// Reads the `train` object. Mistakes go to the reader's collector.
train::Settings read_train(io::ObjectReader& reader);

/// Reads the experiment piece by piece; the `read_...` functions may be called once each.
class ExperimentReader {
 public:
  /// REQUIRES: all three outlive the reader.
  ExperimentReader(const Layers& layers, const std::filesystem::path& library, io::Mistakes& mistakes);

  /// All but the fields `name`, `file`, `library` and `document`.
  Experiment read();
  /// Whether forgetting is to be measured by default, and there are no texts for it. After read().
  bool lacks_texts() const { return lacks_texts_; }
  /// Adds that as a mistake. It is the library's absence, not what the file says: for files in which nothing else is
  /// wrong.
  void require_texts();
  /// The keys of an experiment file, after read().
  const std::vector<io::Declared>& declared() const { return root_.declared(); }

 private:
  ModelChoice read_model();
  std::optional<model::Quantization> read_quantize(io::ObjectReader& parent);
  std::filesystem::path read_task();
  std::vector<MethodChoice> read_methods();
  void read_method(const io::Json& value, const io::Pointer& pointer, std::vector<MethodChoice>& methods);
  std::filesystem::path read_adapter();
  std::vector<int64_t> read_seeds(int64_t seed);
  evaluate::Settings read_evaluate();
  std::optional<evaluate::Forgetting> read_forgetting();
  std::vector<std::string> read_free_prompts(io::ObjectReader& reader);
  std::filesystem::path task_file(const std::string& name, const io::Pointer& pointer);
  /// Relative paths are relative to the file that said them.
  std::filesystem::path resolve(const std::string& path, const io::Pointer& pointer) const;
  void mistake(const io::Pointer& pointer, const std::string& message);

  const Layers& layers_;
  const std::filesystem::path& library_;
  io::Mistakes& mistakes_;
  io::ObjectReader root_;
  bool lacks_texts_ = false;
};

}  // namespace peftlab::lab
