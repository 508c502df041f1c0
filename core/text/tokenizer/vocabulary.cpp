#include "core/text/tokenizer/vocabulary.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "core/io/utf8.h"
#include "peftlab/error.h"

namespace peftlab::text {

namespace {

[[noreturn]] void refuse(const TokenizerRecipe& recipe, const std::string& message) {
  throw ConfigError(recipe.origin + ": " + message);
}

void check_id(const TokenizerRecipe& recipe, const std::string& token, int64_t id) {
  if (id < 0 || id >= Vocabulary::kIdLimit)
    refuse(recipe, "the token '" + token + "' has the id " + std::to_string(id) + ", expected 0 to " +
                       std::to_string(Vocabulary::kIdLimit - 1));
}

void check_utf8(const TokenizerRecipe& recipe, const std::string& token, int64_t id) {
  if (!io::is_utf8(token)) refuse(recipe, "the token with the id " + std::to_string(id) + " is not UTF-8");
}

size_t slots_for(size_t count) { return std::bit_ceil(2 * count + 2); }

}  // namespace

Vocabulary::Vocabulary(const TokenizerRecipe& recipe) {
  int64_t greatest = -1;
  size_t bytes = 0;
  for (const auto& [token, id] : recipe.tokens) {
    check_id(recipe, token, id);
    check_utf8(recipe, token, id);
    greatest = std::max(greatest, id);
    bytes += token.size();
  }
  for (const AddedToken& token : recipe.added) {
    check_id(recipe, token.content, token.id);
    check_utf8(recipe, token.content, token.id);
    greatest = std::max(greatest, token.id);
    bytes += token.content.size();
  }
  bytes_.reserve(bytes);  // the views into it must not move
  tokens_.resize(static_cast<size_t>(greatest + 1));
  add_model_tokens(recipe);
  add_added_tokens(recipe);
}

void Vocabulary::add_model_tokens(const TokenizerRecipe& recipe) {
  own_.reserve(recipe.tokens.size());
  for (const auto& [token, id] : recipe.tokens) {
    auto& place = tokens_[static_cast<size_t>(id)];
    if (place)
      refuse(recipe,
             "the id " + std::to_string(id) + " belongs to '" + std::string(*place) + "' and to '" + token + "'");
    const size_t begin = bytes_.size();
    bytes_ += token;
    place = std::string_view(bytes_).substr(begin);
    if (!own_.add(*place, static_cast<uint32_t>(id))) refuse(recipe, "the token '" + token + "' is there twice");
  }
}

void Vocabulary::add_added_tokens(const TokenizerRecipe& recipe) {
  added_.reserve(recipe.added.size());
  for (const AddedToken& token : recipe.added) {
    const auto id = static_cast<uint32_t>(token.id);
    const auto known = id_of_any(token.content);
    if (known && *known != id)
      refuse(recipe, "the added token '" + token.content + "' has the id " + std::to_string(id) + ", but also " +
                         std::to_string(*known));
    auto& place = tokens_[id];
    if (place && *place != token.content)
      refuse(recipe, "the id " + std::to_string(id) + " belongs to '" + std::string(*place) +
                         "' and to the added token '" + token.content + "'");
    if (known) continue;
    const size_t begin = bytes_.size();
    bytes_ += token.content;
    place = std::string_view(bytes_).substr(begin);
    added_.add(*place, id);
  }
}

std::optional<uint32_t> Vocabulary::id_of(std::string_view token) const { return own_.find(token); }

std::optional<uint32_t> Vocabulary::id_of_any(std::string_view token) const {
  const auto own = own_.find(token);
  return own ? own : added_.find(token);
}

std::optional<std::string_view> Vocabulary::token_of(int64_t id) const {
  return id >= 0 && id < size() ? tokens_[static_cast<size_t>(id)] : std::nullopt;
}

void Vocabulary::Index::reserve(size_t count) { slots_.resize(slots_for(count)); }

bool Vocabulary::Index::add(std::string_view token, uint32_t id) {
  const size_t hash = std::hash<std::string_view>{}(token);
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    Slot& slot = slots_[at];
    if (slot.id_and_one == 0) {
      slot = {static_cast<uint32_t>(hash >> 32), id + 1, token};
      return true;
    }
    if (slot.hash == static_cast<uint32_t>(hash >> 32) && slot.token == token) return false;
  }
}

std::optional<uint32_t> Vocabulary::Index::find(std::string_view token) const {
  if (slots_.empty()) return std::nullopt;
  const size_t hash = std::hash<std::string_view>{}(token);
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask; slots_[at].id_and_one != 0; at = (at + 1) & mask)
    if (slots_[at].hash == static_cast<uint32_t>(hash >> 32) && slots_[at].token == token)
      return slots_[at].id_and_one - 1;
  return std::nullopt;
}

void MergeTable::reserve(size_t count) { slots_.resize(slots_for(count)); }

size_t MergeTable::start(uint64_t key) const {
  key *= 0x9E3779B97F4A7C15u;  // Fibonacci hashing
  return static_cast<size_t>(key ^ key >> 32) & (slots_.size() - 1);
}

void MergeTable::set(uint32_t left, uint32_t right, Merge merge) {
  const uint64_t key = uint64_t{left} << 32 | right;
  size_t at = start(key);
  while (slots_[at].key != kFree && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = {key, merge};
}

const MergeTable::Merge* MergeTable::find(uint32_t left, uint32_t right) const {
  if (slots_.empty()) return nullptr;
  const uint64_t key = uint64_t{left} << 32 | right;
  for (size_t at = start(key); slots_[at].key != kFree; at = (at + 1) & (slots_.size() - 1))
    if (slots_[at].key == key) return &slots_[at].merge;
  return nullptr;
}

}  // namespace peftlab::text
