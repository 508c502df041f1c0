// vocab.json and merges.txt, which say nothing about how a text is cut: the class they were made for does.
#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <set>

#include "core/io/files.h"
#include "core/text/tokenizer.h"
#include "core/text/tokenizer/component.h"
#include "core/text/tokenizer/files.h"
#include "core/text/tokenizer/gguf.h"
#include "core/text/tokenizer/pipelines.h"
#include "peftlab/error.h"

namespace peftlab::text {

namespace {

using Json = nlohmann::json;

enum class Family { kGpt2, kQwen2 };

Family family_of(const Companions& files) {
  const Component config(files.tokenizer_config, (files.folder / "tokenizer_config.json").string(), /*typed=*/false);
  std::string name = config.text("tokenizer_class", "");
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  if (name.empty())
    name = Component(files.config, (files.folder / "config.json").string(), /*typed=*/false).text("model_type", "");
  if (name == "GPT2Tokenizer" || name == "gpt2" || name == "gpt_neo") return Family::kGpt2;
  if (name == "Qwen2Tokenizer" || name == "qwen2" || name == "qwen3") return Family::kQwen2;
  if (name.empty())
    throw ConfigError(files.folder.string() +
                      ": vocab.json and merges.txt do not say how a text is cut, and there is neither "
                      "a 'tokenizer_class' nor a 'model_type'; add the model's tokenizer.json");
  throw ConfigError(files.folder.string() + ": the tokenizer class '" + name +
                    "' is not supported without a tokenizer.json; peftlab has: GPT2Tokenizer Qwen2Tokenizer");
}

void read_merges(const std::filesystem::path& path, TokenizerRecipe& recipe) {
  const std::string text = io::read_file(path);
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("#version")) continue;
    const size_t space = line.find(' ');
    if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos)
      throw ConfigError(path.string() + ":" + std::to_string(number) +
                        ": expected two tokens with one space between them");
    recipe.merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
}

// The contents that some file calls special.
std::set<std::string> special_contents(const Companions& files, const TokenizerRecipe& recipe) {
  std::set<std::string> all;
  for (const char* key : {"bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"})
    if (const auto token = files.token(key)) all.insert(*token);
  // What both classes add when nothing is said.
  for (const auto& [token, id] : recipe.tokens)
    if (token == "<|endoftext|>") all.insert(token);
  for (const Json* tree : {&files.tokenizer_config, &files.special_tokens_map}) {
    const auto list = tree->find("additional_special_tokens");
    if (list == tree->end() || !list->is_array()) continue;
    for (const Json& one : *list) {
      if (one.is_string())
        all.insert(one.get<std::string>());
      else
        all.insert(
            Component(one, files.folder.string() + ": /additional_special_tokens", /*typed=*/false).text("content"));
    }
  }
  return all;
}

int64_t id_written(const std::string& digits, const std::string& where) {
  int64_t id = -1;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (result.ec != std::errc() || result.ptr != digits.data() + digits.size())
    throw ConfigError(where + ": '" + digits + "' is no id");
  return id;
}

// added_tokens.json, then added_tokens_decoder with its flags, then special tokens of the vocabulary itself.
void add_tokens(const Companions& files, TokenizerRecipe& recipe) {
  const std::set<std::string> special = special_contents(files, recipe);
  std::map<std::string, AddedToken> all;
  const auto put = [&](AddedToken token) {
    if (special.contains(token.content)) token.special = true, token.normalized = false;
    all[token.content] = std::move(token);
  };
  for (const auto& [content, id] : files.added_tokens.items()) {
    if (!id.is_number_integer())
      throw ConfigError((files.folder / "added_tokens.json").string() + ": the id of '" + content + "' is " +
                        id.dump() + ", expected a whole number");
    put({.id = id.get<int64_t>(), .content = content, .normalized = false});
  }
  const std::string where = (files.folder / "tokenizer_config.json").string() + ": /added_tokens_decoder";
  const auto decoder = files.tokenizer_config.find("added_tokens_decoder");
  if (decoder != files.tokenizer_config.end() && decoder->is_object())
    for (const auto& [digits, value] : decoder->items()) {
      AddedToken token = parse_added_token(value, where + "/" + digits);
      token.id = id_written(digits, where);
      put(std::move(token));
    }
  for (const auto& [token, id] : recipe.tokens)
    if (special.contains(token) && !all.contains(token)) put({.id = id, .content = token});
  for (auto& [content, token] : all) recipe.added.push_back(std::move(token));
}

bool is_gguf(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  char magic[4] = {};
  return file.read(magic, sizeof magic) && std::string_view(magic, sizeof magic) == "GGUF";
}

}  // namespace

TokenizerRecipe read_vocabulary_and_merges(const Companions& files) {
  const Family family = family_of(files);
  TokenizerRecipe recipe;
  recipe.origin = files.folder.string();
  const auto path = files.folder / "vocab.json";
  parse_vocabulary(io::read_file(path), path.string(), recipe);
  read_merges(files.folder / "merges.txt", recipe);
  add_tokens(files, recipe);
  const Component config(files.tokenizer_config, (files.folder / "tokenizer_config.json").string(), /*typed=*/false);
  const bool prefix = config.flag("add_prefix_space", false);
  if (family == Family::kQwen2) {
    recipe.normalizer = {{"type", "NFC"}};
    recipe.pre_tokenizer = regex_and_bytes(kQwen2Regex, prefix);
  } else {
    recipe.pre_tokenizer = {{"type", "ByteLevel"}, {"add_prefix_space", prefix}};
  }
  recipe.decoder = {{"type", "ByteLevel"}};
  if (config.flag("add_bos_token", false)) {
    const auto bos = files.token("bos_token").value_or("<|endoftext|>");
    for (const AddedToken& token : recipe.added)
      if (token.content == bos) recipe.post_processor = surrounding_template(TokenAndId(bos, token.id), std::nullopt);
  }
  return recipe;
}

Tokenizer Tokenizer::load(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  if (!fs::exists(path)) throw ConfigError(path.string() + ": there is no such file or folder");
  if (!fs::is_directory(path)) {
    if (is_gguf(path)) return Tokenizer(read_gguf_tokenizer(io::GgufFile(path)));
    TokenizerRecipe recipe = parse_tokenizer_json(io::read_file(path), path.string());
    read_companions(Companions(path.parent_path()), recipe);
    return Tokenizer(std::move(recipe));
  }
  const Companions companions(path);
  TokenizerRecipe recipe;
  if (fs::exists(path / "tokenizer.json")) {
    recipe = parse_tokenizer_json(io::read_file(path / "tokenizer.json"), (path / "tokenizer.json").string());
  } else if (fs::exists(path / "vocab.json") && fs::exists(path / "merges.txt")) {
    recipe = read_vocabulary_and_merges(companions);
  } else {
    throw ConfigError(path.string() + ": holds neither tokenizer.json nor vocab.json and merges.txt" +
                      (fs::exists(path / "tokenizer.model")
                           ? "; tokenizer.model alone is not read, save the tokenizer as tokenizer.json"
                           : ""));
  }
  read_companions(companions, recipe);
  return Tokenizer(std::move(recipe));
}

Tokenizer Tokenizer::from_json(std::string_view json, const std::string& name) {
  return Tokenizer(parse_tokenizer_json(json, name));
}

}  // namespace peftlab::text
