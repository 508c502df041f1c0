// An index of runs: one SQLite file made from their folders, which stay the truth.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace peftlab::study {

struct IndexReport {
  std::filesystem::path file;
  size_t num_runs = 0;                               // in the index now
  size_t num_unchanged = 0;                          // whose run.json is as large and as old as it was
  std::vector<std::string> added, changed, removed;  // folders, relative to the one indexed
  std::vector<std::string> damaged;                  // "folder: why"; they are in the index as such
  std::vector<std::string> repeated;                 // "folder: the same run as ..."
  std::string rebuilt;                               // why the index was made anew; empty where it was not
};

/// Brings <folder>/.index.sqlite up to what the folder's run.json files say; from nothing where `anew`, or where the
/// file is damaged or of another version. It holds the table
///   runs(folder, bytes, modified_ns, name, method, seed, status, started, identity, split, score, num_items,
///        num_trainable, training_seconds, problem)
/// with one row a run; `split` is that of the score. Throws ConfigError where there is no such folder or something else
/// stands where the index is kept, RunError where the index cannot be written.
IndexReport update_index(const std::filesystem::path& folder, bool anew = false);

}  // namespace peftlab::study
