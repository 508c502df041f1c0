// One run as a comparison sees it, wherever its record came from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peftlab::compare {

/// What was scored on one split. An item's score lies in [0, 1]; more is better.
struct SplitScore {
  double mean = 0.0;                // NaN where the record says so
  int64_t num_items = 0;            // 0: unknown
  std::vector<double> item_scores;  // (items), in the order of evaluation; empty where the run kept none
  std::string items;                // tells which items they are; equal for the same items in the same order
};

/// A change of the loss on text that has nothing to do with the task, nats per token. More is worse.
struct Forgetting {
  double mean = 0.0;
  std::optional<double> low, high;  // 95 % over the windows of the text
  int64_t num_windows = 0;          // 0: unknown
};

/// What was resident when training was at its highest, in bytes.
struct MemoryParts {
  std::optional<int64_t> weights;  // of the frozen model and of what is trained
  std::optional<int64_t> gradients, optimizer;
  std::optional<int64_t> activations;  // and all else that a step works with
};

struct Costs {
  std::optional<int64_t> num_trainable;
  std::optional<int64_t> adapter_bytes;
  std::optional<double> useful_tokens_per_second;
  std::optional<double> training_seconds;
  std::optional<int64_t> peak_memory_bytes;  // while it trained
  MemoryParts memory;                        // of that peak
};

/// Name and value, in the order in which they are shown.
using Facts = std::vector<std::pair<std::string, std::string>>;

struct Run {
  std::filesystem::path source;  // the run's folder, or the file
  std::string name;              // of the experiment
  std::string method;            // names of the methods, joined by " + "
  std::string metric;            // what a score is; may be empty
  std::string settings;  // what the experiment sets, seed and prose aside: runs that agree in it are repetitions
  std::optional<int64_t> seed;
  std::string started;   // ISO 8601
  std::string identity;  // equal for runs that must give the same result; may be empty
  std::string problem;   // why nothing can be said about its quality; empty where something can
  std::map<std::string, SplitScore> splits;
  std::map<std::string, SplitScore> base_splits;  // the same items, answered by the model as it was before
  std::optional<Forgetting> forgetting;
  Costs costs;
  std::string base_kept_as;           // number format or quantisation of the frozen model
  std::string machine;                // what times depend on
  std::vector<std::string> warnings;  // what is wrong with it and leaves something to say
  Facts must_agree;                   // with every other run of a table; empty where the record could not be read
  Facts circumstances;                // may differ, and is told where it does
};

}  // namespace peftlab::compare
