// Line and column of values in a JSON text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace peftlab::io {

/// Counted from 1; the column in characters, not bytes.
struct Place {
  std::size_t line;
  std::size_t column;
};

/// Finds lines by their number and places by their byte.
class Lines {
 public:
  /// REQUIRES: `text` outlives this.
  explicit Lines(std::string_view text);
  /// The place of a byte; of the end of the text when `offset` lies beyond.
  Place at(std::size_t offset) const;

 private:
  std::string_view text_;
  std::vector<std::size_t> starts_;
};

/// Where each value of a JSON text stands. The text is searched when the first place is asked for.
class Positions {
 public:
  /// REQUIRES: `text` is JSON without byte order mark.
  explicit Positions(std::string text) : text_(std::move(text)) {}
  Positions(const Positions&) = delete;
  Positions& operator=(const Positions&) = delete;

  /// The place of the value at `pointer`; of the nearest value above it when there is none.
  Place of(std::string pointer) const;

 private:
  std::string text_;
  mutable std::optional<Lines> lines_;
  mutable std::unordered_map<std::string, std::size_t> offsets_;
};

}  // namespace peftlab::io
