// The list of runs that a comparison is made of.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/lab/identity.h"
#include "core/study/planned_run.h"

namespace peftlab::study {

struct PlanRequest {
  std::vector<std::filesystem::path> files;  // experiments
  std::optional<int64_t> num_seeds;          // nothing: those that each experiment names
  std::vector<std::string> overrides;        // "/train/epochs=1"
  std::filesystem::path folder;              // that holds the runs; empty: runs/ in the working folder
};

/// Experiments in the order given, the seeds of each together. Reads everything that can be read without loading a
/// model, and looks at what is there already. Throws ConfigError with the mistakes of all files at once, each told
/// once.
std::vector<PlannedRun> make_plan(const PlanRequest& request);

/// The first `count` of the seeds that the experiment names, then the smallest it does not name; 0, 1, 2 ... where it
/// names none. Nothing: all that it names.
std::vector<int64_t> seeds_of(const lab::Experiment& experiment, std::optional<int64_t> count);

/// What the methods, the model and the data make of one experiment with one seed. `folder` holds the folders of its
/// runs.
PlannedRun planned(lab::Experiment experiment, int64_t seed, std::vector<std::string> overrides,
                   const std::filesystem::path& folder, lab::IdentityFinder& finder);

/// Part `index` (from 1) of `count`: every count-th run of the list.
struct Shard {
  int64_t index = 1;
  int64_t count = 1;

  bool has(int64_t number) const { return (number - 1) % count == index - 1; }
  bool is_all() const { return count == 1; }
};

/// Reads "2/8". Throws ConfigError.
Shard parse_shard(const std::string& text);

/// Mistakes from several readings, each told once.
class AllMistakes {
 public:
  /// Calls `work` and keeps the lines of the ConfigError it throws; returns whether there was none.
  template <typename Work>
  bool keep(Work work) {
    try {
      work();
      return true;
    } catch (const ConfigError& error) {
      add(error.what());
      return false;
    }
  }
  /// One mistake a line.
  void add(const std::string& lines);
  void throw_if_any() const;

 private:
  std::vector<std::string> lines_;
};

}  // namespace peftlab::study
