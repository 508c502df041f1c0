// A task's data, ready for a tokenizer: the splits, and an account of every record that is in none of them.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/data/conversation.h"
#include "core/data/task/task.h"

namespace peftlab::data {

struct SplitData {
  std::string name;  // "train", "dev" or "test"
  std::vector<Conversation> conversations;
};

struct DropReason {
  int64_t count = 0;
  std::vector<std::string> examples;  // the first few, "line 12: {…}"
};

struct CharacterCount {
  char32_t character = 0;
  int64_t in_source = 0;   // over all records, as read
  int64_t in_records = 0;  // over what is left after cleaning and de-duplication, derived fields apart
};

struct Dataset {
  std::vector<SplitData> splits;  // those the task names, in the order train, dev, test
  std::string source_sha256;
  std::string hash;               // SHA-256 of the splits as exported: equal data, equal hash

  int64_t num_read = 0;
  int64_t num_clean = 0;          // left after cleaning and filters
  int64_t num_unique = 0;         // left after de-duplication
  std::vector<std::string> descriptions;
  std::map<std::string, DropReason> drops;  // by reason
  DropReason duplicates;
  DropReason leaks;               // left out because a split that is full has the same input
  std::vector<CharacterCount> characters;   // by code point; only where asked for

  /// The split of this name. Throws ConfigError naming those there are.
  const std::vector<Conversation>& split(const std::string& name) const;
};

struct PrepareOptions {
  bool full_account = false;  // count characters, and look at records beyond those the splits need; the splits are the same
};

/// Reads, cleans and splits. REQUIRES: task.source.file is set (a data set's name was resolved to a file). Equal inputs (all
/// messages but the last) never stand in two splits. The order is decided by the task's seed alone. Throws ConfigError for what
/// is wrong with the file, and where fewer records are left than the splits ask for (with the most frequent reasons).
Dataset prepare(const Task& task, const PrepareOptions& options = {});

/// Writes <split>.jsonl for every split, each line {"messages": […]}; makes the folder. Every file appears whole or not at all.
/// An assistant message that is not trained on carries "loss_weight": 0. Throws RunError.
void export_splits(const Dataset& dataset, const std::filesystem::path& folder);

/// One split as JSON lines.
std::string to_jsonl(const std::vector<Conversation>& conversations);

}  // namespace peftlab::data
