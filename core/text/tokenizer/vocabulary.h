// Tokens by id, ids by token, and what two tokens become.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/tokenizer/recipe.h"

namespace peftlab::text {

/// Both ways between tokens and ids; ids may have gaps.
class Vocabulary {
 public:
  static constexpr int64_t kIdLimit = int64_t{1} << 21;

  /// The model's tokens and the added ones. Throws ConfigError for an id out of range, an id or a token given twice,
  /// and a token that is not UTF-8.
  explicit Vocabulary(const TokenizerRecipe& recipe);
  Vocabulary(const Vocabulary&) = delete;
  Vocabulary& operator=(const Vocabulary&) = delete;

  /// Of the model's own tokens; added ones are not found here.
  std::optional<uint32_t> id_of(std::string_view token) const;
  /// Of all tokens.
  std::optional<uint32_t> id_of_any(std::string_view token) const;
  /// Empty for an id that has no token.
  std::optional<std::string_view> token_of(int64_t id) const;
  /// The greatest id and one.
  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }

 private:
  class Index {
   public:
    void reserve(size_t count);
    /// False when the token is there already.
    bool add(std::string_view token, uint32_t id);
    std::optional<uint32_t> find(std::string_view token) const;

   private:
    struct Slot {
      uint32_t hash = 0, id_and_one = 0;
      std::string_view token;
    };
    std::vector<Slot> slots_;  // a power of two, at most half full
  };

  void add_model_tokens(const TokenizerRecipe& recipe);
  void add_added_tokens(const TokenizerRecipe& recipe);

  std::string bytes_;                                    // of all tokens
  std::vector<std::optional<std::string_view>> tokens_;  // by id
  Index own_, added_;
};

/// What a pair of tokens becomes, and how early.
class MergeTable {
 public:
  struct Merge {
    uint32_t rank, id;
  };

  void reserve(size_t count);
  /// A pair given again takes the place of the first.
  void set(uint32_t left, uint32_t right, Merge merge);
  const Merge* find(uint32_t left, uint32_t right) const;

 private:
  struct Slot {
    uint64_t key = kFree;
    Merge merge{};
  };
  static constexpr uint64_t kFree = ~uint64_t{0};
  size_t start(uint64_t key) const;

  std::vector<Slot> slots_;  // a power of two, at most half full
};

}  // namespace peftlab::text
