#include "core/compare/json_skim.h"

#include <algorithm>
#include <cstring>

namespace peftlab::compare {
namespace {

constexpr size_t kNowhere = std::string_view::npos;
constexpr int kDeepest = 8;  // objects in objects that are looked into; each is read once more than the one around it

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

size_t skip_space(std::string_view text, size_t at) {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

/// `at` is behind the opening quote; returns the closing one.
size_t end_of_string(std::string_view text, size_t at) {
  for (;;) {
    const void* found = at < text.size() ? std::memchr(text.data() + at, '"', text.size() - at) : nullptr;
    if (found == nullptr) return kNowhere;
    const size_t quote = static_cast<size_t>(static_cast<const char*>(found) - text.data());
    size_t backslashes = 0;
    while (quote - backslashes > at && text[quote - backslashes - 1] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return quote;
    at = quote + 1;
  }
}

/// The byte behind the value that begins at `at`.
size_t end_of_value(std::string_view text, size_t at) {
  int depth = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      at = end_of_string(text, at + 1);
      if (at == kNowhere) return kNowhere;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth-- == 0) return at;
    } else if (c == ',' && depth == 0) {
      return at;
    }
  }
  return kNowhere;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// Appends the object and returns whether it could be read.
bool append_without(std::string_view text, std::initializer_list<std::string_view> names, int depth, std::string& out) {
  out += '{';
  bool first = true, whole = true;
  const bool read = for_each_field(text, [&](std::string_view key, std::string_view value) {
    if (std::find(names.begin(), names.end(), key) != names.end()) return true;
    if (!first) out += ',';
    first = false;
    out.append("\"").append(key).append("\":");
    if (value.front() != '{' || depth == kDeepest) {
      out += value;
    } else {
      whole = append_without(value, names, depth + 1, out);
    }
    return whole;
  });
  out += '}';
  return read && whole;
}

}  // namespace

std::string without_fields(std::string_view text, std::initializer_list<std::string_view> names) {
  std::string kept;
  kept.reserve(text.size());
  return append_without(text, names, /*depth=*/1, kept) ? kept : std::string(text);
}

bool for_each_field(std::string_view text, const std::function<bool(std::string_view, std::string_view)>& visit) {
  size_t at = skip_space(text, 0);
  if (at >= text.size() || text[at] != '{') return false;
  at = skip_space(text, at + 1);
  if (at < text.size() && text[at] == '}') return skip_space(text, at + 1) == text.size();
  while (at < text.size() && text[at] == '"') {
    const size_t key_end = end_of_string(text, at + 1);
    if (key_end == kNowhere) return false;
    const auto key = text.substr(at + 1, key_end - at - 1);
    at = skip_space(text, key_end + 1);
    if (at >= text.size() || text[at] != ':') return false;
    const size_t begin = skip_space(text, at + 1);
    at = end_of_value(text, begin);
    if (at == kNowhere || at == begin) return false;
    if (!visit(key, trimmed(text.substr(begin, at - begin)))) return true;
    if (text[at] == '}') return skip_space(text, at + 1) == text.size();
    if (text[at] != ',') return false;
    at = skip_space(text, at + 1);
  }
  return false;
}

}  // namespace peftlab::compare
