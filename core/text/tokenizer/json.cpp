// tokenizer.json. Vocabulary and merges are most of the file and are taken as they pass by; the rest becomes a tree.
#include <limits>
#include <memory>

#include "core/text/tokenizer/component.h"
#include "core/text/tokenizer/files.h"
#include "peftlab/error.h"

namespace peftlab::text {

namespace {

using Json = nlohmann::json;

constexpr size_t kDeepest = 64;

class Reader : public nlohmann::json_sax<Json> {
 public:
  // Without a recipe everything goes into the tree. `bare`: the document is nothing but the vocabulary.
  Reader(std::string name, TokenizerRecipe* recipe, bool bare) : name_(std::move(name)), recipe_(recipe), bare_(bare) {}

  Json take() { return std::move(root_); }

  bool null() override { return value(Json()); }
  bool boolean(bool given) override { return value(given); }
  bool number_integer(number_integer_t given) override { return value(given); }
  bool number_unsigned(number_unsigned_t given) override { return value(given); }
  bool number_float(number_float_t given, const string_t&) override { return value(given); }
  bool string(string_t& given) override {
    if (mode_ != Mode::kMerges) return value(std::move(given));
    if (!open_pair_) return merge_line(given);
    pair_.push_back(std::move(given));
    return true;
  }
  bool binary(binary_t&) override { fail("binary data"); }

  bool start_object(size_t) override {
    if (mode_ != Mode::kTree) fail("an object inside 'vocab' or 'merges'");
    if (recipe_ != nullptr && (bare_ ? stack_.empty() : is_model_key("vocab"))) {
      mode_ = Mode::kVocabulary;
      return true;
    }
    return open(Json::object());
  }
  bool end_object() override {
    if (mode_ == Mode::kVocabulary)
      mode_ = Mode::kTree;
    else
      stack_.pop_back();
    return true;
  }
  bool key(string_t& given) override {
    key_ = std::move(given);
    if (mode_ == Mode::kTree && stack_.back()->contains(key_)) fail("the key '" + key_ + "' is there twice");
    if (stack_.size() == 1) top_key_ = key_;
    return true;
  }
  bool start_array(size_t) override {
    if (mode_ == Mode::kVocabulary) fail("a list inside 'vocab'");
    if (mode_ == Mode::kMerges) {
      if (open_pair_) fail("a list inside a merge");
      return open_pair_ = true;
    }
    if (recipe_ != nullptr && is_model_key("merges")) {
      mode_ = Mode::kMerges;
      return true;
    }
    return open(Json::array());
  }
  bool end_array() override {
    if (open_pair_) return merge_pair();
    if (mode_ == Mode::kMerges)
      mode_ = Mode::kTree;
    else
      stack_.pop_back();
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: ..." without its brackets.
    const std::string text = error.what();
    const size_t end = text.find("] ");
    throw ConfigError(name_ + ": " + (end == std::string::npos ? text : text.substr(end + 2)));
  }

 private:
  enum class Mode { kTree, kVocabulary, kMerges };

  [[noreturn]] void fail(const std::string& what) const { throw ConfigError(name_ + ": " + what); }

  bool is_model_key(const char* key) const {
    return stack_.size() == 2 && top_key_ == "model" && stack_.back()->is_object() && key_ == key;
  }

  Json* place(Json given) {
    if (stack_.empty()) return &(root_ = std::move(given));
    Json& parent = *stack_.back();
    if (!parent.is_array()) return &(parent[key_] = std::move(given));
    parent.push_back(std::move(given));
    return &parent.back();
  }
  bool open(Json given) {
    if (stack_.size() >= kDeepest) fail("nested deeper than " + std::to_string(kDeepest));
    stack_.push_back(place(std::move(given)));
    return true;
  }
  bool value(Json given) {
    if (mode_ == Mode::kMerges) fail("merge " + std::to_string(recipe_->merges.size()) + " is no pair of tokens");
    if (mode_ == Mode::kTree) {
      place(std::move(given));
      return true;
    }
    if (!given.is_number_unsigned() || given.get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()})
      fail("the token '" + key_ + "' has the id " + given.dump() + ", expected a whole number of 0 or more");
    recipe_->tokens.emplace_back(std::move(key_), given.get<int64_t>());
    return true;
  }
  bool merge_line(const std::string& line) {
    const size_t space = line.find(' ');
    if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos)
      fail("merge " + std::to_string(recipe_->merges.size()) + " is '" + line +
           "', expected two tokens with one space between them");
    recipe_->merges.emplace_back(line.substr(0, space), line.substr(space + 1));
    return true;
  }
  bool merge_pair() {
    if (pair_.size() != 2)
      fail("merge " + std::to_string(recipe_->merges.size()) + " has " + std::to_string(pair_.size()) +
           " parts, expected 2");
    recipe_->merges.emplace_back(std::move(pair_[0]), std::move(pair_[1]));
    pair_.clear();
    open_pair_ = false;
    return true;
  }

  std::string name_;
  TokenizerRecipe* recipe_;
  bool bare_;
  Mode mode_ = Mode::kTree;
  Json root_;
  std::vector<Json*> stack_;  // open objects and arrays; a parent does not grow while a child is open
  std::string key_, top_key_;
  std::vector<std::string> pair_;
  bool open_pair_ = false;
};

Json read(std::string_view json, const std::string& name, TokenizerRecipe* recipe, bool bare) {
  Reader reader(name, recipe, bare);
  Json::sax_parse(json.begin(), json.end(), &reader);
  return reader.take();
}

void read_model(const Component& model, TokenizerRecipe& recipe) {
  const std::string type = model.text("type", "BPE");  // files of GPT-2's time name none
  if (type != "BPE") model.refuse("the model '" + type + "' is not supported; peftlab has: BPE");
  if (const auto dropout = model.value().find("dropout");
      dropout != model.value().end() && !dropout->is_null() && *dropout != 0.0)
    model.refuse("'dropout' is " + dropout->dump() + "; peftlab does not draw merges by chance, set it to null");
  if (model.has("unk_token")) recipe.bpe.unknown = model.text("unk_token");
  recipe.bpe.prefix = model.text("continuing_subword_prefix", "");
  recipe.bpe.suffix = model.text("end_of_word_suffix", "");
  recipe.bpe.fuse_unknown = model.flag("fuse_unk", false);
  recipe.bpe.byte_fallback = model.flag("byte_fallback", false);
  recipe.bpe.ignore_merges = model.flag("ignore_merges", false);
  if (recipe.bpe.byte_fallback && !(recipe.bpe.prefix + recipe.bpe.suffix).empty())
    model.refuse("'byte_fallback' together with a prefix or suffix of subwords is not supported");
  for (const char* key : {"vocab", "merges"})
    if (model.has(key))
      model.refuse(std::string("'") + key + "' is " + model.value().at(key).type_name() + ", expected " +
                   (std::string(key) == "vocab" ? "an object" : "a list"));
  if (recipe.tokens.empty()) model.refuse("has no 'vocab'");
}

}  // namespace

nlohmann::json parse_tree(std::string_view json, const std::string& name) {
  return read(json, name, nullptr, /*bare=*/false);
}

void parse_vocabulary(std::string_view json, const std::string& name, TokenizerRecipe& recipe) {
  read(json, name, &recipe, /*bare=*/true);
  if (recipe.tokens.empty()) throw ConfigError(name + ": holds no tokens, expected an object of tokens and their ids");
}

AddedToken parse_added_token(const nlohmann::json& value, const std::string& where) {
  const Component part(value, where, /*typed=*/false);
  AddedToken token;
  token.content = part.text("content");
  token.single_word = part.flag("single_word", false);
  token.lstrip = part.flag("lstrip", false);
  token.rstrip = part.flag("rstrip", false);
  token.special = part.flag("special", false);
  token.normalized = part.flag("normalized", !token.special);
  if (part.has("id")) token.id = static_cast<int64_t>(part.count("id"));
  return token;
}

TokenizerRecipe parse_tokenizer_json(std::string_view json, const std::string& name) {
  TokenizerRecipe recipe;
  recipe.origin = name;
  const Json tree = read(json, name, &recipe, /*bare=*/false);
  const Component top(tree, name, /*typed=*/false);
  if (!tree.contains("model")) top.refuse("has no 'model'; is it a tokenizer.json?");
  read_model(Component(tree.at("model"), name + ": /model", /*typed=*/false), recipe);
  if (top.has("added_tokens"))
    for (const Component& part : top.parts("added_tokens", /*typed=*/false)) {
      part.count("id");
      recipe.added.push_back(parse_added_token(part.value(), part.where()));
    }
  const auto component = [&](const char* key) { return top.has(key) ? tree.at(key) : Json(); };
  recipe.normalizer = component("normalizer");
  recipe.pre_tokenizer = component("pre_tokenizer");
  recipe.post_processor = component("post_processor");
  recipe.decoder = component("decoder");
  return recipe;
}

}  // namespace peftlab::text
