#include "core/text/tokenizer/added.h"

#include <algorithm>

#include "core/text/unicode.h"

namespace peftlab::text {

namespace {

size_t start_of_last(std::string_view text, size_t end) {
  do --end;
  while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80);
  return end;
}

bool ends_with_word(std::string_view text, size_t end) {
  if (end == 0) return false;
  size_t at = start_of_last(text, end);
  return is_word(next_char(text, at));
}

bool starts_with_word(std::string_view text, size_t begin) {
  return begin < text.size() && is_word(next_char(text, begin));
}

size_t before_white_space(std::string_view text, size_t end, size_t least) {
  while (end > least) {
    const size_t begin = start_of_last(text, end);
    size_t at = begin;
    if (!is_white_space(next_char(text, at))) break;
    end = begin;
  }
  return end;
}

size_t behind_white_space(std::string_view text, size_t begin) {
  for (size_t at = begin; at < text.size(); begin = at)
    if (!is_white_space(next_char(text, at))) break;
  return begin;
}

}  // namespace

void AddedTokenFinder::add(const AddedToken& token, std::string_view content) {
  if (content.empty()) return;
  begins_[static_cast<unsigned char>(content[0])] = true;
  uint32_t node = 0;
  for (const char c : content) {
    const auto [place, made] =
        children_.try_emplace(uint64_t{node} << 8 | static_cast<unsigned char>(c), static_cast<uint32_t>(ends_.size()));
    if (made) ends_.push_back(-1);
    node = place->second;
  }
  if (ends_[node] >= 0) return;
  ends_[node] = static_cast<int32_t>(tokens_.size());
  tokens_.push_back(token);
}

const AddedToken* AddedTokenFinder::longest_at(std::string_view text, size_t begin, size_t& end) const {
  const AddedToken* best = nullptr;
  uint32_t node = 0;
  for (size_t at = begin; at < text.size(); ++at) {
    const auto child = children_.find(uint64_t{node} << 8 | static_cast<unsigned char>(text[at]));
    if (child == children_.end()) break;
    node = child->second;
    if (ends_[node] < 0) continue;
    best = &tokens_[static_cast<size_t>(ends_[node])];
    end = at + 1;
  }
  return best;
}

void AddedTokenFinder::find_all(std::string_view text, std::vector<Stretch>& out) const {
  size_t done = 0;
  for (size_t at = 0; at < text.size() && !tokens_.empty();) {
    size_t begin = at;
    size_t end = at;
    const AddedToken* token = begins_[static_cast<unsigned char>(text[at])] ? longest_at(text, begin, end) : nullptr;
    if (token == nullptr) {
      ++at;
      continue;
    }
    at = end;
    if (token->single_word && (ends_with_word(text, begin) || starts_with_word(text, end))) continue;
    // White space that the token before swallowed is gone.
    begin = std::max(begin, done);
    if (token->lstrip) begin = before_white_space(text, begin, done);
    if (token->rstrip) end = behind_white_space(text, end);
    if (end <= done) continue;
    if (done < begin) out.push_back({-1, {done, begin}});
    out.push_back({token->id, {begin, end}});
    done = end;
  }
  if (done < text.size()) out.push_back({-1, {done, text.size()}});
}

}  // namespace peftlab::text
