// Text on its way through a tokenizer, which still knows which bytes of the user's text it came from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace peftlab::text {

struct Range {
  size_t begin, end;  // bytes
  bool empty() const { return begin == end; }
};

/// A string and, where that is wanted, for each of its bytes the bytes of the user's text it stands for.
struct AlignedText {
  struct Source {
    uint32_t begin, end;
  };

  std::string text;             // valid UTF-8
  std::vector<Source> sources;  // one a byte; empty when not tracked
  uint32_t base = 0;            // where the text begins in the user's; not kept up when not tracked
  bool at_start = true;         // whether it begins where the user's does
  bool tracked = false;

  /// `text` as it stands at byte `base` of the user's text.
  static AlignedText of(std::string_view text, size_t base, bool tracked);

  AlignedText slice(Range range) const;
  /// The user's bytes behind `range`. REQUIRES: tracked.
  Range source(Range range) const;
};

/// Builds a changed copy of a text from left to right.
class Rewriter {
 public:
  explicit Rewriter(const AlignedText& from);
  /// Copies bytes as they are.
  void keep(Range range);
  /// Writes `bytes` in the place of `range`, which may be empty.
  void put(std::string_view bytes, Range range);
  size_t size() const { return to_.text.size(); }
  AlignedText take() { return std::move(to_); }

 private:
  const AlignedText& from_;
  AlignedText to_;
};

}  // namespace peftlab::text
