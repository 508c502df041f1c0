// Byte-pair encoding of one piece of text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/tokenizer/recipe.h"
#include "core/text/tokenizer/vocabulary.h"

namespace peftlab::text {

/// Immutable; may be used by several threads.
class Bpe {
 public:
  struct Symbol {
    uint32_t id;
    uint32_t size;  // bytes of the piece
  };

  /// Throws ConfigError for merges that name absent tokens, and an unknown token that is absent. REQUIRES: `vocabulary`
  /// outlives it and holds the recipe's tokens.
  Bpe(const TokenizerRecipe& recipe, const Vocabulary& vocabulary);

  /// Appends the symbols of `piece`, which is valid UTF-8. Time grows as n log n.
  void encode(std::string_view piece, std::vector<Symbol>& out) const;

 private:
  struct Node {
    uint32_t id;
    uint32_t size;
    int64_t previous, next;
  };
  struct Candidate {
    uint32_t rank, id;
    size_t at;
    bool operator<(const Candidate& other) const { return rank != other.rank ? rank > other.rank : at > other.at; }
  };

  void add_merges(const TokenizerRecipe& recipe);
  void add_merges_of_scores(const TokenizerRecipe& recipe);
  void first_symbols(std::string_view piece, std::vector<Node>& nodes) const;
  std::optional<uint32_t> id_of_character(std::string_view character, bool first, bool last) const;
  bool fall_back_to_bytes(std::string_view character, std::vector<Node>& nodes) const;
  void merge(std::vector<Node>& nodes) const;
  void propose(const std::vector<Node>& nodes, size_t at, std::vector<Candidate>& heap) const;

  const Vocabulary& vocabulary_;
  BpeSettings settings_;
  std::optional<uint32_t> unknown_;
  MergeTable merges_;
  std::vector<int64_t> byte_ids_;       // of <0x00> … <0xFF>, -1 where absent
  std::vector<int64_t> character_ids_;  // of the first characters of Unicode, -1 where absent
};

}  // namespace peftlab::text
