// What is measured of a run: the `evaluate` object of an experiment.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace peftlab::evaluate {

/// Text that has nothing to do with the task, on which the change from the base model is measured.
struct Forgetting {
  std::vector<std::filesystem::path> texts;   // UTF-8 files, each one kind of text; absolute
  std::optional<std::filesystem::path> task;  // a task file whose test split is used instead; absolute
  int64_t max_tokens = 8192;                  // per kind
};

struct Settings {
  std::vector<std::string> splits = {"test"};  // evaluated at the end: train, dev, test
  std::optional<int64_t> max_dev_items;        // the first so many of the split; unset: all
  std::optional<int64_t> max_test_items;       // the first so many of the split; unset: all
  int64_t batch_size = 32;                     // answers generated at once
  int64_t max_new_tokens = 128;                // per answer
  bool base = true;                            // the base model on the same items first
  std::optional<Forgetting> forgetting;        // unset: not measured
  std::vector<std::string> free_prompts;       // answered before and after, for the record
  int64_t free_answer_tokens = 64;             // per free answer
};

}  // namespace peftlab::evaluate
