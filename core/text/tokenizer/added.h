// Finds added tokens ("<|im_start|>") in a text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text/tokenizer/aligned.h"
#include "core/text/tokenizer/recipe.h"

namespace peftlab::text {

/// The longest token at the leftmost place wins.
class AddedTokenFinder {
 public:
  /// A stretch of the text: an added token, or -1.
  struct Stretch {
    int64_t id;
    Range range;
  };

  /// `content` is what to look for, which may differ from token.content. Empty ones are left out; of equal ones the
  /// first counts.
  void add(const AddedToken& token, std::string_view content);

  /// Fills `out` so that the stretches cover `text`. A token's stretch includes the white space it swallows.
  void find_all(std::string_view text, std::vector<Stretch>& out) const;

 private:
  const AddedToken* longest_at(std::string_view text, size_t begin, size_t& end) const;

  std::vector<AddedToken> tokens_;
  std::vector<int32_t> ends_{-1};                    // by node: the token that ends there
  std::unordered_map<uint64_t, uint32_t> children_;  // node << 8 | byte
  bool begins_[256] = {};                            // bytes that some token begins with
};

}  // namespace peftlab::text
