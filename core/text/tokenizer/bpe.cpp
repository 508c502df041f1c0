#include "core/text/tokenizer/bpe.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "core/text/unicode.h"
#include "peftlab/error.h"

namespace peftlab::text {

namespace {

constexpr char32_t kDirectCharacters = 0x250;  // ASCII and the alphabet of byte-level vocabularies

[[noreturn]] void refuse(const TokenizerRecipe& recipe, const std::string& message) {
  throw ConfigError(recipe.origin + ": " + message);
}

// The ids of what a merge joins and makes.
uint32_t part_of_merge(const TokenizerRecipe& recipe, const Vocabulary& vocabulary, size_t rank,
                       const std::string& token) {
  const auto id = vocabulary.id_of(token);
  if (!id) refuse(recipe, "merge " + std::to_string(rank) + " names '" + token + "', which is not in the vocabulary");
  return *id;
}

// The smallest rank for the greatest score; equal scores have equal ranks, so that what stands first is merged first.
std::vector<uint32_t> ranks_of(const std::vector<float>& scores) {
  std::vector<uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return scores[a] > scores[b]; });
  std::vector<uint32_t> ranks(scores.size());
  uint32_t rank = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && scores[order[i]] != scores[order[i - 1]]) ++rank;
    ranks[order[i]] = rank;
  }
  return ranks;
}

}  // namespace

Bpe::Bpe(const TokenizerRecipe& recipe, const Vocabulary& vocabulary) : vocabulary_(vocabulary), settings_(recipe.bpe) {
  if (settings_.unknown) {
    unknown_ = vocabulary_.id_of(*settings_.unknown);
    if (!unknown_) refuse(recipe, "the unknown token '" + *settings_.unknown + "' is not in the vocabulary");
  }
  const auto id_or_none = [&](const std::string& token) {
    const auto id = vocabulary_.id_of(token);
    return id ? int64_t{*id} : int64_t{-1};
  };
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    byte_ids_.push_back(id_or_none(name));
  }
  for (char32_t c = 0; c < kDirectCharacters; ++c) {
    std::string character;
    append_utf8(character, c);
    character_ids_.push_back(id_or_none(character));
  }
  if (recipe.scores.empty())
    add_merges(recipe);
  else
    add_merges_of_scores(recipe);
}

void Bpe::add_merges(const TokenizerRecipe& recipe) {
  merges_.reserve(recipe.merges.size());
  std::string joined;
  for (size_t rank = 0; rank < recipe.merges.size(); ++rank) {
    const auto& [left, right] = recipe.merges[rank];
    const uint32_t left_id = part_of_merge(recipe, vocabulary_, rank, left);
    const uint32_t right_id = part_of_merge(recipe, vocabulary_, rank, right);
    if (right.size() < settings_.prefix.size())
      refuse(recipe, "merge " + std::to_string(rank) + " names '" + right + "', which is shorter than the prefix '" +
                         settings_.prefix + "'");
    joined = left;
    joined.append(right, settings_.prefix.size());
    merges_.set(left_id, right_id, {static_cast<uint32_t>(rank), part_of_merge(recipe, vocabulary_, rank, joined)});
  }
}

// SentencePiece keeps no list of merges: two neighbours may be joined when the result is a token (google/sentencepiece,
// bpe_model.cc).
void Bpe::add_merges_of_scores(const TokenizerRecipe& recipe) {
  const std::vector<uint32_t> ranks = ranks_of(recipe.scores);
  struct Found {
    uint32_t left, right;
    MergeTable::Merge merge;
  };
  std::vector<Found> all;
  for (size_t i = 0; i < recipe.tokens.size(); ++i) {
    if (!recipe.mergeable[i]) continue;
    const auto& [token, id] = recipe.tokens[i];
    for (size_t at = 0; at < token.size();) {
      next_char(token, at);
      if (at == token.size()) break;
      const auto left = vocabulary_.id_of(std::string_view(token).substr(0, at));
      const auto right = left ? vocabulary_.id_of(std::string_view(token).substr(at)) : std::nullopt;
      if (right) all.push_back({*left, *right, {ranks[i], static_cast<uint32_t>(id)}});
    }
  }
  merges_.reserve(all.size());
  for (const Found& one : all) merges_.set(one.left, one.right, one.merge);
}

void Bpe::encode(std::string_view piece, std::vector<Symbol>& out) const {
  if (settings_.ignore_merges) {
    if (const auto whole = vocabulary_.id_of(piece))
      return out.push_back({*whole, static_cast<uint32_t>(piece.size())});
  }
  std::vector<Node> nodes;
  nodes.reserve(piece.size());
  first_symbols(piece, nodes);
  if (nodes.empty()) return;
  merge(nodes);
  for (int64_t at = 0; at >= 0; at = nodes[static_cast<size_t>(at)].next)
    out.push_back({nodes[static_cast<size_t>(at)].id, nodes[static_cast<size_t>(at)].size});
}

std::optional<uint32_t> Bpe::id_of_character(std::string_view character, bool first, bool last) const {
  const bool prefixed = !first && !settings_.prefix.empty();
  const bool suffixed = last && !settings_.suffix.empty();
  if (prefixed || suffixed)
    return vocabulary_.id_of((prefixed ? settings_.prefix : "") + std::string(character) +
                             (suffixed ? settings_.suffix : ""));
  size_t end = 0;
  const char32_t c = next_char(character, end);
  if (c >= kDirectCharacters) return vocabulary_.id_of(character);
  const int64_t id = character_ids_[c];
  return id < 0 ? std::nullopt : std::optional(static_cast<uint32_t>(id));
}

bool Bpe::fall_back_to_bytes(std::string_view character, std::vector<Node>& nodes) const {
  const auto id = [&](char c) { return byte_ids_[static_cast<unsigned char>(c)]; };
  if (!std::all_of(character.begin(), character.end(), [&](char c) { return id(c) >= 0; })) return false;
  for (const char c : character) nodes.push_back({static_cast<uint32_t>(id(c)), 1, 0, 0});
  return true;
}

void Bpe::first_symbols(std::string_view piece, std::vector<Node>& nodes) const {
  uint32_t unknown_size = 0;  // bytes waiting to become one unknown token
  const auto flush = [&] {
    if (unknown_size > 0) nodes.push_back({*unknown_, unknown_size, 0, 0});
    unknown_size = 0;
  };
  for (size_t at = 0; at < piece.size();) {
    const size_t begin = at;
    next_char(piece, at);
    const std::string_view character = piece.substr(begin, at - begin);
    if (const auto id = id_of_character(character, begin == 0, at == piece.size())) {
      flush();
      nodes.push_back({*id, static_cast<uint32_t>(character.size()), 0, 0});
      continue;
    }
    if (settings_.byte_fallback && fall_back_to_bytes(character, nodes)) continue;
    if (!unknown_) continue;
    if (!settings_.fuse_unknown) flush();
    unknown_size += static_cast<uint32_t>(character.size());
  }
  flush();
  for (size_t i = 0; i < nodes.size(); ++i) {
    nodes[i].previous = static_cast<int64_t>(i) - 1;
    nodes[i].next = i + 1 < nodes.size() ? static_cast<int64_t>(i) + 1 : -1;
  }
}

void Bpe::propose(const std::vector<Node>& nodes, size_t at, std::vector<Candidate>& heap) const {
  const int64_t next = nodes[at].next;
  if (next < 0) return;
  const auto* merge = merges_.find(nodes[at].id, nodes[static_cast<size_t>(next)].id);
  if (merge == nullptr) return;
  heap.push_back({merge->rank, merge->id, at});
}

void Bpe::merge(std::vector<Node>& nodes) const {
  std::vector<Candidate> heap;
  heap.reserve(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) propose(nodes, i, heap);
  std::make_heap(heap.begin(), heap.end());
  const auto add = [&](int64_t at) {
    const size_t before = heap.size();
    if (at >= 0) propose(nodes, static_cast<size_t>(at), heap);
    if (heap.size() > before) std::push_heap(heap.begin(), heap.end());
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    const Candidate best = heap.back();
    heap.pop_back();
    Node& left = nodes[best.at];
    if (left.size == 0 || left.next < 0) continue;
    Node& right = nodes[static_cast<size_t>(left.next)];
    // The pair may have changed since it was proposed.
    const auto* now = merges_.find(left.id, right.id);
    if (now == nullptr || now->id != best.id) continue;
    left.id = best.id;
    left.size += right.size;
    left.next = right.next;
    right.size = 0;
    if (right.next >= 0) nodes[static_cast<size_t>(right.next)].previous = static_cast<int64_t>(best.at);
    add(left.previous);
    add(static_cast<int64_t>(best.at));
  }
}

}  // namespace peftlab::text
