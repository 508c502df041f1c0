// JSON files that remember where each value stands, so that a mistake can be shown at its line and column.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "peftlab/error.h"

namespace peftlab::io {

using Json = nlohmann::ordered_json;

/// "" for the whole document; "/train/learning_rate" as in RFC 6901.
using Pointer = std::string;

/// A JSON value and, for each pointer into it, the place "file:line:column" that gave the value (of a member: where its
/// key begins; of what is missing: the nearest value above it). Looking a key up takes as long as its object is large:
/// walk over large ones.
struct Document {
  Json value;
  std::function<std::string(const Pointer&)> where;
};

/// Reads a file. Throws ConfigError with line and column for broken JSON, bytes that are not UTF-8, a key given twice,
/// or nesting deeper than 128; with the path for a file that cannot be read.
Document read_json(const std::filesystem::path& path);

/// The same for text that is no file; `name` stands where the path would.
Document parse_json(const std::string& text, const std::string& name);

/// The pointer to a member or an element of what `parent` points to.
Pointer child(const Pointer& parent, const std::string& key);
Pointer child(const Pointer& parent, std::size_t index);

/// Collects what is wrong, so that all mistakes of a file are told at once.
class Mistakes {
 public:
  /// `where` is "file:line:column" or a path; `pointer` may be empty.
  void add(const std::string& where, const Pointer& pointer, const std::string& message);
  bool empty() const { return lines_.empty(); }
  const std::vector<std::string>& lines() const { return lines_; }
  /// Throws ConfigError with one mistake a line, in the order they were added, if there is any.
  void throw_if_any() const;

 private:
  std::vector<std::string> lines_;
};

/// A value as a message shows it: short, with its kind where the text alone would not tell it.
std::string shown(const Json& value);

/// The name among `known` nearest to `name` (edit distance at most a third of its length), or "".
std::string nearest(const std::string& name, const std::vector<std::string>& known);

}  // namespace peftlab::io
