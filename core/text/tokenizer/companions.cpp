// What the files beside a vocabulary add to it.
#include <algorithm>

#include "core/io/files.h"
#include "core/io/utf8.h"
#include "core/text/tokenizer/component.h"
#include "core/text/tokenizer/files.h"
#include "peftlab/error.h"

namespace peftlab::text {

namespace {

using Json = nlohmann::json;

Json object_in(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return Json::object();
  Json tree = parse_tree(io::read_file(path), path.string());
  if (!tree.is_object()) throw ConfigError(path.string() + ": got " + tree.type_name() + ", expected an object");
  return tree;
}

// "<s>" or {"content": "<s>", ...}
std::optional<std::string> token_in(const Json& tree, const char* key, const std::filesystem::path& path) {
  const auto found = tree.find(key);
  if (found == tree.end() || found->is_null()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  return Component(*found, path.string() + ": /" + key, /*typed=*/false).text("content");
}

std::vector<int64_t> ids_in(const Json& tree, const char* key, const std::filesystem::path& path) {
  const auto found = tree.find(key);
  if (found == tree.end() || found->is_null()) return {};
  std::vector<int64_t> ids;
  for (const Json& id : found->is_array() ? *found : Json::array({*found})) {
    if (!id.is_number_integer())
      throw ConfigError(path.string() + ": /" + key + ": got " + id.dump() + ", expected an id or a list of ids");
    if (id.get<int64_t>() >= 0) ids.push_back(id.get<int64_t>());  // some files write -1 for none
  }
  return ids;
}

std::optional<int64_t> id_in(const TokenizerRecipe& recipe, const std::string& token) {
  for (const AddedToken& added : recipe.added)
    if (added.content == token) return added.id;
  for (const auto& [known, id] : recipe.tokens)
    if (known == token) return id;
  return std::nullopt;
}

// Of the token a file names; otherwise what generation_config.json and config.json give.
std::optional<int64_t> special_id(const Companions& files, const TokenizerRecipe& recipe, const std::string& name,
                                  bool required) {
  if (const auto token = files.token((name + "_token").c_str())) {
    const auto id = id_in(recipe, *token);
    if (!id && required)
      throw ConfigError(recipe.origin + ": the " + name + " token '" + *token + "' is not in the vocabulary");
    return id;
  }
  const std::string key = name + "_token_id";
  for (const auto& [tree, file] :
       {std::pair(&files.generation_config, "generation_config.json"), std::pair(&files.config, "config.json")}) {
    const auto ids = ids_in(*tree, key.c_str(), files.folder / file);
    if (!ids.empty()) return ids.front();
  }
  return std::nullopt;
}

// A string, or a list of {"name", "template"}: the one called "default", or the only one.
std::optional<std::string> chat_template_in(const Companions& files) {
  const auto path = files.folder / "chat_template.jinja";
  if (std::filesystem::exists(path)) {
    std::string text = io::read_file(path);
    if (!io::is_utf8(text)) throw ConfigError(path.string() + ": is not UTF-8");
    return text;
  }
  const Component config(files.tokenizer_config, (files.folder / "tokenizer_config.json").string(), /*typed=*/false);
  if (!config.has("chat_template")) return std::nullopt;
  if (!config.value().at("chat_template").is_array()) return config.text("chat_template");
  const auto all = config.parts("chat_template", /*typed=*/false);
  for (const Component& one : all)
    if (one.text("name") == "default" || all.size() == 1) return one.text("template");
  config.refuse("'chat_template' is a list of " + std::to_string(all.size()) + " without one named 'default'");
}

}  // namespace

Companions::Companions(const std::filesystem::path& given)
    : folder(given),
      tokenizer_config(object_in(folder / "tokenizer_config.json")),
      special_tokens_map(object_in(folder / "special_tokens_map.json")),
      added_tokens(object_in(folder / "added_tokens.json")),
      generation_config(object_in(folder / "generation_config.json")),
      config(object_in(folder / "config.json")) {}

std::optional<std::string> Companions::token(const char* key) const {
  if (tokenizer_config.contains(key)) return token_in(tokenizer_config, key, folder / "tokenizer_config.json");
  return token_in(special_tokens_map, key, folder / "special_tokens_map.json");
}

void read_companions(const Companions& files, TokenizerRecipe& recipe) {
  SpecialIds& special = recipe.special;
  special.bos = special_id(files, recipe, "bos", /*required=*/true);
  special.eos = special_id(files, recipe, "eos", /*required=*/true);
  special.pad = special_id(files, recipe, "pad", /*required=*/false);
  special.unknown = special_id(files, recipe, "unk", /*required=*/false);
  if (!special.unknown && recipe.bpe.unknown) special.unknown = id_in(recipe, *recipe.bpe.unknown);
  set_ends(special, ids_in(files.generation_config, "eos_token_id", files.folder / "generation_config.json"));
  recipe.chat_template = chat_template_in(files);
}

void set_ends(SpecialIds& special, std::vector<int64_t> ids) {
  if (special.eos) ids.push_back(*special.eos);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  special.end_of_generation = std::move(ids);
}

}  // namespace peftlab::text
