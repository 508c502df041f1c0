// What a sweep searches: read from its file.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/study/space.h"

namespace peftlab::study {

enum class Search { grid, random, successive_halving };

/// An experiment of a sweep and the settings searched for it.
struct Searched {
  std::filesystem::path file;  // absolute
  std::string name;            // the file's, without its ending
  Space space;
};

struct SweepFile {
  std::filesystem::path path;
  std::string name;  // the file's, without its ending
  std::string about;
  std::vector<Searched> experiments;
  Search search = Search::random;
  int64_t num_trials = 0;        // for each experiment; of successive halving those of the first rung
  std::optional<int64_t> steps;  // of each trial, of the last rung's where there are several; exactly one of
  std::optional<double> epochs;  // the two is set
  int64_t eta = 3;               // successive halving
  int64_t most_rungs = 8;
  int64_t seed = 0;             // of the draws and of all trials
  std::string metric = "loss";  // on dev
  std::string hash;             // of what the file says, but for "about"

  bool lower_is_better() const { return metric == "loss"; }
};

/// Throws ConfigError with every mistake of the file, each at its place.
SweepFile read_sweep_file(const std::filesystem::path& path);

/// The JSON schema (draft 2020-12) of sweep files.
io::Json sweep_schema();

const char* name_of(Search search);

}  // namespace peftlab::study
