// The files a tokenizer comes in, read into a recipe.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/tokenizer/recipe.h"

namespace peftlab::text {

/// JSON as a tree. Throws ConfigError with `name` for broken JSON, a key given twice, nesting deeper than 64.
nlohmann::json parse_tree(std::string_view json, const std::string& name);

/// The text of a tokenizer.json. Throws ConfigError with `name`.
TokenizerRecipe parse_tokenizer_json(std::string_view json, const std::string& name);

/// The text of a vocab.json, into recipe.tokens. Throws ConfigError with `name`.
void parse_vocabulary(std::string_view json, const std::string& name, TokenizerRecipe& recipe);

/// One added token as tokenizer.json and tokenizer_config.json describe it; the id is read when it is there.
AddedToken parse_added_token(const nlohmann::json& value, const std::string& where);

/// What may stand beside the vocabulary, each as an object; one that is absent is empty.
struct Companions {
  explicit Companions(const std::filesystem::path& folder);
  /// The token that "bos_token" and the like name in tokenizer_config.json, or in special_tokens_map.json.
  std::optional<std::string> token(const char* key) const;

  std::filesystem::path folder;
  nlohmann::json tokenizer_config, special_tokens_map, added_tokens, generation_config, config;
};

/// vocab.json and merges.txt in the folder, put together as the class named in tokenizer_config.json does it
/// (GPT2Tokenizer, Qwen2Tokenizer), or the one that goes with the model type in config.json. Throws ConfigError for any
/// other class, by its name.
TokenizerRecipe read_vocabulary_and_merges(const Companions& companions);

/// Adds what they say and the tokens of the recipe allow: ids of special tokens, ends of generation, the chat template
/// (also from chat_template.jinja). Throws ConfigError for values of the wrong kind, and a bos or eos token that is not
/// there.
void read_companions(const Companions& companions, TokenizerRecipe& recipe);

/// `ids` and `eos`, each once, ascending.
void set_ends(SpecialIds& special, std::vector<int64_t> ids);

}  // namespace peftlab::text
