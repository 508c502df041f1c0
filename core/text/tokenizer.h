// Text to token ids and back, as the files of a base model say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/tokenizer/recipe.h"

namespace peftlab::text {

/// A token and the bytes of the text it stands for. A space that begins a token belongs to it; what the tokenizer put
/// in itself (special tokens, a leading space) stands for no bytes. Where normalisation moved characters, several
/// tokens may share bytes.
struct PlacedToken {
  int64_t id;
  size_t begin, end;
  bool operator==(const PlacedToken&) const = default;
};

/// Immutable and cheap to copy; may be used by several threads.
class Tokenizer {
 public:
  /// `path` is a tokenizer.json, a GGUF file, or a folder with tokenizer.json, or with vocab.json and merges.txt.
  /// Beside a tokenizer.json are read, where they are: tokenizer_config.json, special_tokens_map.json,
  /// added_tokens.json, generation_config.json, chat_template.jinja. Padding and truncation that the file asks for are
  /// left out. Throws ConfigError: file unreadable or lying, a component peftlab does not have (by its name).
  static Tokenizer load(const std::filesystem::path& path);
  /// From the text of a tokenizer.json alone; `name` begins every message.
  static Tokenizer from_json(std::string_view json, const std::string& name);
  /// Throws ConfigError for what does not fit together.
  explicit Tokenizer(TokenizerRecipe recipe);

  /// The ids of `text`; special tokens written in it are found. `add_special_tokens`: with those that the
  /// post-processor puts around every text. Throws ConfigError for a text that is not UTF-8 (with the byte offset) or
  /// of 1 GiB and more.
  std::vector<int64_t> encode(std::string_view text, bool add_special_tokens) const;
  /// The same with places.
  std::vector<PlacedToken> encode_placed(std::string_view text, bool add_special_tokens) const;

  /// Valid UTF-8 whatever the ids: broken sequences become U+FFFD. An id without a token stands for nothing. The text
  /// is not cleaned up ("clean_up_tokenization_spaces").
  std::string decode(const std::vector<int64_t>& ids, bool skip_special) const;

  /// The greatest id and one.
  int64_t vocab_size() const;
  std::optional<int64_t> id_of(std::string_view token) const;
  /// The token as the vocabulary spells it ("Ġthe"); empty for an id without one.
  std::string token_of(int64_t id) const;
  bool is_special(int64_t id) const;

  std::optional<int64_t> bos_id() const;
  std::optional<int64_t> eos_id() const;
  std::optional<int64_t> pad_id() const;
  std::optional<int64_t> unk_id() const;
  /// All that end an answer (eos, end of turn …), ascending. May be empty.
  const std::vector<int64_t>& end_of_generation_ids() const;

  /// The template's text, not rendered.
  const std::optional<std::string>& chat_template() const;

  /// SHA-256 of all that decides ids and decoded text.
  const std::string& hash() const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

/// Decodes ids as they come. What the calls return, joined, is what Tokenizer::decode gives for all of them, as long as
/// the ids spell valid UTF-8.
class StreamDecoder {
 public:
  StreamDecoder(Tokenizer tokenizer, bool skip_special);
  /// The characters that are whole now; "" while one is not.
  std::string push(int64_t id);
  /// What is left, broken sequences as U+FFFD. Begins a new text.
  std::string finish();

 private:
  Tokenizer tokenizer_;
  bool skip_special_;
  std::vector<int64_t> ids_;  // since the last but one step that gave text: a token's text depends on those before it
  size_t num_shown_ = 0;      // of ids_
};

}  // namespace peftlab::text
