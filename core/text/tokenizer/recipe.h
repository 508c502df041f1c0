// All that makes a tokenizer, whatever kind of file it was read from.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peftlab::text {

struct AddedToken {
  int64_t id = 0;
  std::string content;
  bool single_word = false;  // not inside a word
  bool lstrip = false;       // swallows the white space before it
  bool rstrip = false;
  bool normalized = true;  // looked for after normalisation
  bool special = false;    // left out of decoded text on request
};

struct BpeSettings {
  std::optional<std::string> unknown;  // the token for what has no other
  std::string prefix;                  // of every character of a piece but the first
  std::string suffix;                  // of the last character of a piece
  bool fuse_unknown = false;
  bool byte_fallback = false;  // <0x00> … <0xFF> for what has no token
  bool ignore_merges = false;  // a piece that is a token is not built from merges
};

/// Names and ids that only files beside the tokenizer's own give.
struct SpecialIds {
  std::optional<int64_t> bos, eos, pad, unknown;
  std::vector<int64_t> end_of_generation;  // eos and its like, each once, ascending
};

struct TokenizerRecipe {
  std::string origin;                                   // the file, for messages
  std::vector<std::pair<std::string, int64_t>> tokens;  // of the model, without the added ones
  std::vector<std::pair<std::string, std::string>> merges;
  std::vector<float> scores;    // one a token; SentencePiece in GGUF files, which have no merges
  std::vector<bool> mergeable;  // with scores: tokens that merges may make
  BpeSettings bpe;
  std::vector<AddedToken> added;
  nlohmann::json normalizer, pre_tokenizer, post_processor, decoder;  // as in tokenizer.json
  SpecialIds special;
  std::optional<std::string> chat_template;
};

}  // namespace peftlab::text
