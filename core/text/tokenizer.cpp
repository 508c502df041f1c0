#include "core/text/tokenizer.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "core/io/sha256.h"
#include "core/io/utf8.h"
#include "core/text/tokenizer/added.h"
#include "core/text/tokenizer/bpe.h"
#include "core/text/tokenizer/decoder.h"
#include "core/text/tokenizer/normalizer.h"
#include "core/text/tokenizer/splitter.h"
#include "core/text/tokenizer/template.h"
#include "core/text/tokenizer/vocabulary.h"
#include "core/text/unicode.h"
#include "peftlab/error.h"

namespace peftlab::text {

namespace {

constexpr size_t kTextLimitBytes = size_t{1} << 30;
constexpr size_t kCachedPieces = 1 << 16;
constexpr size_t kCachedPieceBytes = 64;

using Symbols = std::vector<Bpe::Symbol>;

struct HashOfView {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

std::string hash_of(const TokenizerRecipe& recipe) {
  io::Sha256 hash;
  const auto put =
      [&](std::string_view text) {  // with its length, so that neighbours can not be mistaken for each other
        hash.update(std::to_string(text.size()) + ":");
        hash.update(text);
      };
  const auto& bpe = recipe.bpe;
  put(nlohmann::json{bpe.unknown.value_or(""), bpe.unknown.has_value(), bpe.prefix, bpe.suffix, bpe.fuse_unknown,
                     bpe.byte_fallback, bpe.ignore_merges, recipe.normalizer, recipe.pre_tokenizer,
                     recipe.post_processor, recipe.decoder}
          .dump());
  for (const AddedToken& token : recipe.added)
    put(nlohmann::json{token.id, token.content, token.single_word, token.lstrip, token.rstrip, token.normalized,
                       token.special}
            .dump());
  std::string all;
  for (const auto& [token, id] : recipe.tokens)
    all += std::to_string(id) + ":" + std::to_string(token.size()) + ":" + token;
  put(all);
  all.clear();
  for (const auto& [left, right] : recipe.merges)
    all += std::to_string(left.size()) + ":" + left + std::to_string(right.size()) + ":" + right;
  put(all);
  put(std::string_view(reinterpret_cast<const char*>(recipe.scores.data()), recipe.scores.size() * sizeof(float)));
  put(std::string(recipe.mergeable.begin(), recipe.mergeable.end()));
  return hash.hex();
}

// The order of the vocabulary in a file decides nothing, so the hash must not see it.
TokenizerRecipe sorted(TokenizerRecipe recipe) {
  const auto by_id = [](const auto& a, const auto& b) { return a.second < b.second; };
  if (recipe.scores.empty() && !std::is_sorted(recipe.tokens.begin(), recipe.tokens.end(), by_id))
    std::stable_sort(recipe.tokens.begin(), recipe.tokens.end(), by_id);
  return recipe;
}

}  // namespace

struct Tokenizer::State {
  explicit State(TokenizerRecipe recipe)
      : vocabulary(recipe),
        hash(hash_of(recipe)),
        bpe(recipe, vocabulary),
        normalize(make_normalizer(recipe.normalizer, recipe.origin + ": /normalizer")),
        cut(make_splitter(recipe.pre_tokenizer, recipe.origin + ": /pre_tokenizer")),
        decode(make_decoder(recipe.decoder, recipe.origin + ": /decoder")),
        surroundings(make_surroundings(recipe.post_processor, recipe.origin + ": /post_processor", vocabulary)),
        special(std::move(recipe.special)),
        chat_template(std::move(recipe.chat_template)) {
    for (const AddedToken& token : recipe.added) add(token);
  }

  void add(const AddedToken& token) {
    if (token.special) special_ids.insert(token.id);
    if (!token.normalized) return raw.add(token, token.content);
    AlignedText content = AlignedText::of(token.content, 0, /*tracked=*/false);
    normalize(content);
    normalized.add(token, content.text);
    if (!token.special && content.text != token.content) decoded_as[token.id] = content.text;
  }

  std::vector<PlacedToken> encode(std::string_view text, bool tracked) const;
  void encode_stretch(AlignedText text, std::vector<PlacedToken>& out, bool cached) const;
  void encode_pieces(const Pieces& pieces, std::vector<PlacedToken>& out, bool cached) const;
  const Symbols& symbols_of(std::string_view piece, Symbols& made, bool cached) const;

  Vocabulary vocabulary;
  std::string hash;
  Bpe bpe;
  Normalizer normalize;
  Splitter cut;
  Decoder decode;
  Surroundings surroundings;
  AddedTokenFinder raw, normalized;
  // Ordinary tokens looked for after normalisation are decoded to what was found, as the tokenizers library does.
  std::unordered_map<int64_t, std::string> decoded_as;
  std::unordered_set<int64_t> special_ids;
  SpecialIds special;
  std::optional<std::string> chat_template;

  mutable std::mutex cache_mutex;
  mutable std::unordered_map<std::string, Symbols, HashOfView, std::equal_to<>> cache;
};

std::vector<PlacedToken> Tokenizer::State::encode(std::string_view text, bool tracked) const {
  if (text.size() >= kTextLimitBytes)
    throw ConfigError("a text of " + std::to_string(text.size()) +
                      " bytes is too long to be tokenised; split it into parts of less than 1 GiB");
  const size_t wrong = io::first_invalid_utf8(text);
  if (wrong != std::string_view::npos)
    throw ConfigError("the text is not UTF-8: byte " + std::to_string(wrong) +
                      " begins no character; convert it first");
  // Who comes while another thread has the cache does without.
  const std::unique_lock lock(cache_mutex, std::try_to_lock);
  std::vector<AddedTokenFinder::Stretch> stretches;
  raw.find_all(text, stretches);
  std::vector<PlacedToken> out;
  for (const auto& [id, range] : stretches) {
    if (id >= 0)
      out.push_back({id, range.begin, range.end});
    else
      encode_stretch(AlignedText::of(text.substr(range.begin, range.end - range.begin), range.begin, tracked), out,
                     lock.owns_lock());
  }
  return out;
}

void Tokenizer::State::encode_stretch(AlignedText text, std::vector<PlacedToken>& out, bool cached) const {
  normalize(text);
  std::vector<AddedTokenFinder::Stretch> stretches;
  normalized.find_all(text.text, stretches);
  for (const auto& [id, range] : stretches) {
    if (id >= 0) {
      const Range source = text.tracked ? text.source(range) : Range{0, 0};
      out.push_back({id, source.begin, source.end});
      continue;
    }
    const bool whole = range.begin == 0 && range.end == text.text.size();
    Pieces pieces{whole ? std::move(text) : text.slice(range), {}};
    pieces.ranges.push_back({0, range.end - range.begin});
    cut(pieces);
    encode_pieces(pieces, out, cached);
  }
}

void Tokenizer::State::encode_pieces(const Pieces& pieces, std::vector<PlacedToken>& out, bool cached) const {
  Symbols made;
  for (const Range& piece : pieces.ranges) {
    const std::string_view text = std::string_view(pieces.text.text).substr(piece.begin, piece.end - piece.begin);
    size_t at = piece.begin;
    for (const auto& [id, size] : symbols_of(text, made, cached)) {
      const Range source = pieces.text.tracked ? pieces.text.source({at, at + size}) : Range{0, 0};
      out.push_back({id, source.begin, source.end});
      at += size;
    }
  }
}

const Symbols& Tokenizer::State::symbols_of(std::string_view piece, Symbols& made, bool cached) const {
  cached = cached && piece.size() <= kCachedPieceBytes;
  if (cached) {
    const auto found = cache.find(piece);
    if (found != cache.end()) return found->second;
  }
  made.clear();
  bpe.encode(piece, made);
  if (cached && cache.size() < kCachedPieces) cache.emplace(piece, made);
  return made;
}

Tokenizer::Tokenizer(TokenizerRecipe recipe) : state_(std::make_shared<const State>(sorted(std::move(recipe)))) {}

std::vector<PlacedToken> Tokenizer::encode_placed(std::string_view text, bool add_special_tokens) const {
  std::vector<PlacedToken> out = state_->encode(text, /*tracked=*/true);
  if (!add_special_tokens) return out;
  std::vector<PlacedToken> all;
  for (const int64_t id : state_->surroundings.before) all.push_back({id, 0, 0});
  all.insert(all.end(), out.begin(), out.end());
  for (const int64_t id : state_->surroundings.after) all.push_back({id, text.size(), text.size()});
  return all;
}

std::vector<int64_t> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  const std::vector<PlacedToken> tokens = state_->encode(text, /*tracked=*/false);
  const auto& [before, after] = state_->surroundings;
  std::vector<int64_t> ids;
  ids.reserve(tokens.size() + before.size() + after.size());
  if (add_special_tokens) ids = before;
  for (const PlacedToken& token : tokens) ids.push_back(token.id);
  if (add_special_tokens) ids.insert(ids.end(), after.begin(), after.end());
  return ids;
}

std::string Tokenizer::decode(const std::vector<int64_t>& ids, bool skip_special) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int64_t id : ids) {
    const auto token = state_->vocabulary.token_of(id);
    if (!token || (skip_special && is_special(id))) continue;
    const auto other = state_->decoded_as.find(id);
    tokens.emplace_back(other == state_->decoded_as.end() ? *token : std::string_view(other->second));
  }
  state_->decode(tokens);
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

int64_t Tokenizer::vocab_size() const { return state_->vocabulary.size(); }

std::optional<int64_t> Tokenizer::id_of(std::string_view token) const {
  const auto id = state_->vocabulary.id_of_any(token);
  return id ? std::optional<int64_t>(*id) : std::nullopt;
}

std::string Tokenizer::token_of(int64_t id) const { return std::string(state_->vocabulary.token_of(id).value_or("")); }

bool Tokenizer::is_special(int64_t id) const { return state_->special_ids.contains(id); }

std::optional<int64_t> Tokenizer::bos_id() const { return state_->special.bos; }
std::optional<int64_t> Tokenizer::eos_id() const { return state_->special.eos; }
std::optional<int64_t> Tokenizer::pad_id() const { return state_->special.pad; }
std::optional<int64_t> Tokenizer::unk_id() const { return state_->special.unknown; }
const std::vector<int64_t>& Tokenizer::end_of_generation_ids() const { return state_->special.end_of_generation; }
const std::optional<std::string>& Tokenizer::chat_template() const { return state_->chat_template; }
const std::string& Tokenizer::hash() const { return state_->hash; }

}  // namespace peftlab::text
