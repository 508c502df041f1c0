#include "core/model/export/export_tokenizer.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "core/io/files.h"
#include "core/text/tokenizer.h"
#include "core/text/tokenizer/gguf.h"

namespace peftlab::model {
namespace {

namespace fs = std::filesystem;
using Plain = nlohmann::json;
using text::TokenizerRecipe;

constexpr const char* kFiles[] = {"tokenizer.json",   "tokenizer_config.json", "special_tokens_map.json",
                                  "added_tokens.json", "vocab.json",            "merges.txt",
                                  "tokenizer.model",   "chat_template.jinja",   "generation_config.json"};
constexpr const char* kTokenizerModel = "tokenizer.ggml.model";

using Merge = std::pair<std::string, std::string>;

/// The merges that a list of scores stands for: every way to put a token together from two others, best score first, equal
/// scores in the order of their parts' ids (as transformers converts SentencePiece models, `convert_slow_tokenizer.py`).
std::vector<Merge> merges_from_scores(const TokenizerRecipe& recipe) {
  std::unordered_map<std::string_view, int64_t> ids;
  for (const auto& [token, id] : recipe.tokens) ids.emplace(token, id);
  std::vector<size_t> order(recipe.tokens.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return recipe.scores[a] > recipe.scores[b]; });
  std::vector<Merge> merges;
  for (size_t index : order) {
    if (!recipe.mergeable[index]) continue;
    const std::string_view token = recipe.tokens[index].first;
    std::vector<std::pair<std::pair<int64_t, int64_t>, size_t>> ways;
    for (size_t cut = 1; cut < token.size(); ++cut) {
      const auto left = ids.find(token.substr(0, cut)), right = ids.find(token.substr(cut));
      if (left != ids.end() && right != ids.end()) ways.push_back({{left->second, right->second}, cut});
    }
    std::sort(ways.begin(), ways.end());
    for (const auto& [parts, cut] : ways) merges.emplace_back(token.substr(0, cut), token.substr(cut));
  }
  return merges;
}

/// "a b", which every version of the tokenizers library reads, unless a token has a space in it.
Plain merges_json(const std::vector<Merge>& merges) {
  const auto has_space = [](const Merge& m) { return m.first.find(' ') != std::string::npos || m.second.find(' ') != std::string::npos; };
  const bool pairs = std::any_of(merges.begin(), merges.end(), has_space);
  Plain list = Plain::array();
  for (const auto& [left, right] : merges) list.push_back(pairs ? Plain::array({left, right}) : Plain(left + " " + right));
  return list;
}

/// The template's second text, which the tokenizers library asks for: like the first, counted as text B.
Plain pair_of(const Plain& single) {
  Plain pair = single;
  for (Plain piece : single) {
    if (piece.contains("Sequence")) piece["Sequence"] = {{"id", "B"}, {"type_id", 1}};
    pair.push_back(piece);
  }
  return pair;
}

/// Writes out the settings that the tokenizers library does not take as understood.
Plain completed(Plain component) {
  if (component.is_array()) {
    for (auto& part : component) part = completed(part);
    return component;
  }
  if (!component.is_object()) return component;
  for (const char* parts : {"normalizers", "pretokenizers", "decoders", "processors"}) {
    if (component.contains(parts)) component[parts] = completed(component[parts]);
  }
  const std::string type = component.value("type", "");
  if (type == "ByteLevel") {
    for (const char* flag : {"add_prefix_space", "trim_offsets", "use_regex"}) component.emplace(flag, true);
  }
  if (type == "TemplateProcessing" && !component.contains("pair")) component["pair"] = pair_of(component.at("single"));
  return component;
}

Plain text_or_null(const std::string& text) { return text.empty() ? Plain(nullptr) : Plain(text); }

Plain model_json(const TokenizerRecipe& recipe) {
  Plain vocabulary = Plain::object();
  for (const auto& [token, id] : recipe.tokens) vocabulary[token] = id;
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", recipe.bpe.unknown ? Plain(*recipe.bpe.unknown) : Plain(nullptr)},
          {"continuing_subword_prefix", text_or_null(recipe.bpe.prefix)},
          {"end_of_word_suffix", text_or_null(recipe.bpe.suffix)},
          {"fuse_unk", recipe.bpe.fuse_unknown},
          {"byte_fallback", recipe.bpe.byte_fallback},
          {"ignore_merges", recipe.bpe.ignore_merges},
          {"vocab", std::move(vocabulary)},
          {"merges", merges_json(recipe.scores.empty() ? recipe.merges : merges_from_scores(recipe))}};
}

std::string tokenizer_json(const TokenizerRecipe& recipe) {
  Plain added = Plain::array();
  for (const auto& token : recipe.added) {
    added.push_back({{"id", token.id}, {"content", token.content}, {"single_word", token.single_word}, {"lstrip", token.lstrip},
                     {"rstrip", token.rstrip}, {"normalized", token.normalized}, {"special", token.special}});
  }
  io::Json file = {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}};
  file["added_tokens"] = added;
  file["normalizer"] = completed(recipe.normalizer);
  file["pre_tokenizer"] = completed(recipe.pre_tokenizer);
  file["post_processor"] = completed(recipe.post_processor);
  file["decoder"] = completed(recipe.decoder);
  file["model"] = model_json(recipe);
  return file.dump(1) + "\n";
}

/// The class is the one that takes tokenizer.json as it is: the families' own classes rebuild parts of it.
std::string tokenizer_config(const text::Tokenizer& tokenizer, const DecoderSpec& spec) {
  io::Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                     {"clean_up_tokenization_spaces", false},
                     {"model_max_length", spec.max_positions}};
  const auto put = [&](const char* key, const std::optional<int64_t>& id) {
    if (id) config[key] = tokenizer.token_of(*id);
  };
  put("bos_token", tokenizer.bos_id());
  put("eos_token", tokenizer.eos_id());
  put("pad_token", tokenizer.pad_id());
  put("unk_token", tokenizer.unk_id());
  if (tokenizer.chat_template()) config["chat_template"] = *tokenizer.chat_template();
  return config.dump(2) + "\n";
}

std::string generation_config(const text::Tokenizer& tokenizer) {
  io::Json config = io::Json::object();
  if (tokenizer.bos_id()) config["bos_token_id"] = *tokenizer.bos_id();
  const auto& ends = tokenizer.end_of_generation_ids();
  if (!ends.empty()) config["eos_token_id"] = ends.size() == 1 ? io::Json(ends.front()) : io::Json(ends);
  if (tokenizer.pad_id()) config["pad_token_id"] = *tokenizer.pad_id();
  return config.dump(2) + "\n";
}

}  // namespace

std::map<std::string, std::string> tokenizer_files(const fs::path& source, const DecoderSpec& spec) {
  std::map<std::string, std::string> files;
  if (fs::is_directory(source)) {
    for (const char* name : kFiles) {
      if (fs::exists(source / name)) files[name] = io::read_file(source / name);
    }
    return files;
  }
  const io::GgufFile gguf(source);
  if (!gguf.has(kTokenizerModel)) return files;
  const auto recipe = text::read_gguf_tokenizer(gguf);
  const text::Tokenizer tokenizer(recipe);
  files["tokenizer.json"] = tokenizer_json(recipe);
  files["tokenizer_config.json"] = tokenizer_config(tokenizer, spec);
  files["generation_config.json"] = generation_config(tokenizer);
  return files;
}

io::Json special_token_ids(const fs::path& source) {
  io::Json ids = io::Json::object();
  if (fs::is_directory(source)) {
    const auto config = io::read_json(source / "config.json").value;
    for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"}) {
      if (config.contains(key)) ids[key] = config.at(key);
    }
    return ids;
  }
  const io::GgufFile gguf(source);
  if (!gguf.has(kTokenizerModel)) return ids;
  const text::Tokenizer tokenizer(text::read_gguf_tokenizer(gguf));
  const auto put = [&](const char* key, const std::optional<int64_t>& id) { ids[key] = id ? io::Json(*id) : io::Json(nullptr); };
  put("bos_token_id", tokenizer.bos_id());
  put("eos_token_id", tokenizer.eos_id());
  put("pad_token_id", tokenizer.pad_id());
  return ids;
}

}  // namespace peftlab::model
