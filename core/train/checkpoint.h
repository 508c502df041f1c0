// Checkpoints: folders that hold all a run needs to go on to the same bits.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "core/plugin/attached.h"
#include "core/train/optimizer.h"
#include "core/train/progress.h"

namespace peftlab::train {

class Checkpoints {
 public:
  /// `folder` is made when it is missing; empty: nothing is ever saved. `identity` is what the run is.
  Checkpoints(std::filesystem::path folder, std::string identity);

  /// Writes "step-00000120" whole or not at all. Throws RunError when the disk refuses; older checkpoints stay as they are.
  std::filesystem::path save(const std::vector<plugin::AttachedMethod*>& methods, const Updater& updater, const Progress& progress) const;

  /// Loads the newest checkpoint whose files are whole; notes about those that are not go to `notes`. Nothing when there is
  /// none. Throws ConfigError when the newest whole one is of another run.
  std::optional<Progress> resume(const std::vector<plugin::AttachedMethod*>& methods, Updater& updater,
                                 std::vector<std::string>& notes) const;

  /// Reads the methods' tensors of the checkpoint after `step`.
  void load_methods(int64_t step, const std::vector<plugin::AttachedMethod*>& methods) const;

  /// Removes all but the newest `keep_last` and the one of step `best` (0: none).
  void prune(int64_t keep_last, int64_t best) const;

  /// The steps that have a folder, oldest first, whole or not.
  std::vector<int64_t> steps() const;
  std::filesystem::path path_of(int64_t step) const;
  bool enabled() const { return !folder_.empty(); }

 private:
  std::filesystem::path folder_;
  std::string identity_;
};

}  // namespace peftlab::train
