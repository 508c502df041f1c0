// Which items were answered, in a few words that are equal for the same items in the same order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace peftlab::compare {

/// Items are told by their row in the source and their reference, both as JSON writes them.
class ItemsKey {
 public:
  void add(std::string_view row, std::string_view reference);
  /// "600 items, 12345678".
  std::string text() const;

 private:
  void mix(std::string_view bytes);

  uint64_t hash_ = 14695981039346656037ull;  // FNV-1a
  int64_t num_items_ = 0;
};

}  // namespace peftlab::compare
