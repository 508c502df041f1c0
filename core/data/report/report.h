// What `peftlab data` shows: where records went, which characters there are, how long examples are, what is trained on.
#pragma once

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "core/data/chat_format.h"
#include "core/data/dataset.h"
#include "core/data/example.h"

namespace peftlab::data {

struct ReportStyle {
  bool colour = false;  // trained tokens in colour; otherwise between « and »
  int width = 80;       // columns; at least 40
  int previews = 2;     // examples shown of each split
};

/// Examples of each split, with the format that made them.
struct TokenisedSplits {
  const ChatFormat* format = nullptr;
  std::string model;  // as the user named it
  ExampleOptions options;
  std::vector<std::pair<std::string, ExampleSet>> splits;
};

/// Records read, dropped (why, with examples), duplicates, leaks and splits.
void print_records(std::ostream& out, const Task& task, const Dataset& dataset, const ReportStyle& style);

/// Every character with code point, category and count, those that look wrong first with the reason. REQUIRES: the data set was
/// prepared with `full_account`.
void print_characters(std::ostream& out, const Dataset& dataset, const ReportStyle& style);

/// Lengths in tokens, truncations, seams, ends of turns, and the beginning all examples share.
void print_lengths(std::ostream& out, const TokenisedSplits& tokens, const ReportStyle& style);

/// One example as the model sees it: text and ids with the trained ones marked, counts of tokens that begin and end texts.
void print_preview(std::ostream& out, const Example& example, const ChatFormat& format, const ReportStyle& style);

/// All of it; `tokens` may be null: then conversations are shown as messages.
void print_report(std::ostream& out, const Task& task, const Dataset& dataset, const TokenisedSplits* tokens,
                  const ReportStyle& style);

}  // namespace peftlab::data
