#include "core/text/tokenizer/gguf.h"

#include <algorithm>
#include <cmath>

#include "core/text/tokenizer/files.h"
#include "core/text/tokenizer/pipelines.h"
#include "peftlab/error.h"

namespace peftlab::text {

namespace {

using Json = nlohmann::json;

// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
constexpr int64_t kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4;

constexpr const char* kSpaceMark = "\xE2\x96\x81";  // ▁

[[noreturn]] void refuse(const io::GgufFile& file, const std::string& message) {
  throw ConfigError(file.path().string() + ": " + message);
}

std::string key(const char* name) { return std::string("tokenizer.ggml.") + name; }

template <class T>
void check_length(const io::GgufFile& file, const char* name, const std::vector<T>& list, size_t tokens) {
  if (list.size() != tokens)
    refuse(file, "'" + key(name) + "' has " + std::to_string(list.size()) + " elements for " + std::to_string(tokens) +
                     " tokens");
}

// How byte-level tokenizers cut a text, by the names that llama.cpp gives them (src/llama-vocab.cpp).
enum class Cut { kGpt2, kDigitsAndGpt2, kLlama3, kQwen2 };

Cut cut_named(const io::GgufFile& file) {
  const std::string name = file.text(key("pre"), std::string());
  // llama.cpp cuts digits off first for smollm. transformers does not, and is the reference here; they differ for a
  // number that is no decimal digit, and for several spaces before a digit.
  if (name == "gpt-2" || name == "phi-2" || name == "smollm") return Cut::kGpt2;
  if (name == "starcoder") return Cut::kDigitsAndGpt2;
  if (name == "llama-bpe" || name == "llama3" || name == "llama-v3") return Cut::kLlama3;
  if (name == "qwen2" || name == "deepseek-r1-qwen") return Cut::kQwen2;
  const std::string known =
      "peftlab has: gpt-2 phi-2 smollm starcoder llama-bpe llama3 llama-v3 qwen2 deepseek-r1-qwen";
  if (name.empty())
    refuse(file, "names no pre-tokenizer ('" + key("pre") + "'); convert the model with a newer converter; " + known);
  refuse(file, "the pre-tokenizer '" + name + "' is not supported; " + known);
}

void set_byte_level(const io::GgufFile& file, TokenizerRecipe& recipe) {
  const Cut cut = cut_named(file);
  const bool prefix = file.flag(key("add_space_prefix"), false);
  const Json gpt2 = {{"type", "ByteLevel"}, {"add_prefix_space", prefix}};
  const Json digits = {{"type", "Digits"}, {"individual_digits", true}};
  if (cut == Cut::kGpt2) recipe.pre_tokenizer = gpt2;
  if (cut == Cut::kDigitsAndGpt2)
    recipe.pre_tokenizer = {{"type", "Sequence"}, {"pretokenizers", Json::array({digits, gpt2})}};
  if (cut == Cut::kLlama3) recipe.pre_tokenizer = regex_and_bytes(kLlama3Regex, prefix);
  if (cut == Cut::kQwen2) recipe.pre_tokenizer = regex_and_bytes(kQwen2Regex, prefix);
  if (cut == Cut::kQwen2) recipe.normalizer = {{"type", "NFC"}};
  recipe.bpe.ignore_merges = cut == Cut::kLlama3;
  recipe.decoder = {{"type", "ByteLevel"}};
  const auto merges = file.text_views(key("merges"));
  recipe.merges.reserve(merges.size());
  for (size_t i = 0; i < merges.size(); ++i) {
    const size_t space = merges[i].find(' ', 1);
    if (space == std::string_view::npos)
      refuse(file, "merge " + std::to_string(i) + " is '" + std::string(merges[i]) +
                       "', expected two tokens with one space between them");
    recipe.merges.emplace_back(merges[i].substr(0, space), merges[i].substr(space + 1));
  }
}

void set_sentence_piece(const io::GgufFile& file, const std::vector<int64_t>& types, TokenizerRecipe& recipe) {
  if (file.has(key("precompiled_charsmap")))
    refuse(file, "a SentencePiece normalisation ('" + key("precompiled_charsmap") + "') is not supported");
  const auto scores = file.numbers(key("scores"));
  check_length(file, "scores", scores, recipe.tokens.size());
  for (size_t i = 0; i < scores.size(); ++i) {
    if (!std::isfinite(scores[i])) refuse(file, "the score of token " + std::to_string(i) + " is not finite");
    recipe.scores.push_back(static_cast<float>(scores[i]));
    recipe.mergeable.push_back(types[i] == kNormal);
  }
  recipe.bpe.byte_fallback = recipe.bpe.fuse_unknown = true;
  if (recipe.special.unknown) recipe.bpe.unknown = recipe.tokens[static_cast<size_t>(*recipe.special.unknown)].first;
  const bool prefix = file.flag(key("add_space_prefix"), true);
  const Json mark = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kSpaceMark}};
  const Json space = {{"type", "Replace"}, {"pattern", {{"String", kSpaceMark}}}, {"content", " "}};
  Json normalizers = Json::array(), decoders = Json::array({space, {{"type", "ByteFallback"}}, {{"type", "Fuse"}}});
  if (prefix) normalizers.push_back({{"type", "Prepend"}, {"prepend", kSpaceMark}});
  if (prefix) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  normalizers.push_back(mark);
  recipe.normalizer = {{"type", "Sequence"}, {"normalizers", normalizers}};
  recipe.decoder = {{"type", "Sequence"}, {"decoders", decoders}};
}

std::optional<int64_t> special_id(const io::GgufFile& file, const char* name, size_t tokens) {
  if (!file.has(key(name))) return std::nullopt;
  const int64_t id = file.integer(key(name));
  if (id < 0 || static_cast<size_t>(id) >= tokens)
    refuse(file,
           "'" + key(name) + "' is " + std::to_string(id) + ", but there are " + std::to_string(tokens) + " tokens");
  return id;
}

void read_special(const io::GgufFile& file, TokenizerRecipe& recipe) {
  const size_t tokens = recipe.tokens.size();
  recipe.special.bos = special_id(file, "bos_token_id", tokens);
  recipe.special.eos = special_id(file, "eos_token_id", tokens);
  recipe.special.pad = special_id(file, "padding_token_id", tokens);
  recipe.special.unknown = special_id(file, "unknown_token_id", tokens);
  std::vector<int64_t> ends;
  for (const char* name : {"eot_token_id", "eom_token_id"})
    if (const auto id = special_id(file, name, tokens)) ends.push_back(*id);
  set_ends(recipe.special, std::move(ends));
  if (file.has("tokenizer.chat_template")) recipe.chat_template = file.text("tokenizer.chat_template");
}

void set_surroundings(const io::GgufFile& file, bool bos_by_default, TokenizerRecipe& recipe) {
  const auto wanted = [&](const char* flag, const char* name, bool fallback,
                          std::optional<int64_t> id) -> std::optional<TokenAndId> {
    if (!file.flag(key(flag), fallback && id)) return std::nullopt;
    if (!id) refuse(file, "'" + key(flag) + "' is true, but there is no '" + key(name) + "'");
    return TokenAndId(recipe.tokens[static_cast<size_t>(*id)].first, *id);
  };
  const auto bos = wanted("add_bos_token", "bos_token_id", bos_by_default, recipe.special.bos);
  const auto eos = wanted("add_eos_token", "eos_token_id", false, recipe.special.eos);
  if (bos || eos) recipe.post_processor = surrounding_template(bos, eos);
}

}  // namespace

TokenizerRecipe read_gguf_tokenizer(const io::GgufFile& file) {
  TokenizerRecipe recipe;
  recipe.origin = file.path().string();
  if (!file.has(key("model"))) refuse(file, "holds no tokenizer ('" + key("model") + "' is missing)");
  const std::string model = file.text(key("model"));
  if (model != "gpt2" && model != "llama")
    refuse(file, "the tokenizer model '" + model + "' is not supported; peftlab has: gpt2 llama");
  const auto tokens = file.text_views(key("tokens"));
  recipe.tokens.reserve(tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id) recipe.tokens.emplace_back(tokens[id], static_cast<int64_t>(id));
  const auto types =
      file.has(key("token_type")) ? file.integers(key("token_type")) : std::vector<int64_t>(tokens.size(), kNormal);
  check_length(file, "token_type", types, tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id) {
    const bool special = types[id] == kControl || types[id] == kUnknown;
    if (!special && types[id] != kUserDefined) continue;
    recipe.added.push_back(
        {.id = static_cast<int64_t>(id), .content = std::string(tokens[id]), .normalized = false, .special = special});
  }
  read_special(file, recipe);
  if (model == "gpt2")
    set_byte_level(file, recipe);
  else
    set_sentence_piece(file, types, recipe);
  set_surroundings(file, model == "llama" || recipe.bpe.ignore_merges, recipe);
  return recipe;
}

}  // namespace peftlab::text
