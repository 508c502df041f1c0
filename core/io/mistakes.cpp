#include <algorithm>
#include <cstdio>

#include "core/io/json.h"

namespace peftlab::io {
namespace {

// Keys and values of a file may hold line feeds; a mistake is one line.
std::string on_one_line(const std::string& text) {
  std::string line;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
      line += c;
      continue;
    }
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned char>(c));
    line += escaped;
  }
  return line;
}

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// Optimal string alignment: like Levenshtein's distance, and two neighbours that changed places count as one edit.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

}  // namespace

void Mistakes::add(const std::string& where, const Pointer& pointer, const std::string& message) {
  lines_.push_back(on_one_line(where + ": " + (pointer.empty() ? "" : pointer + ": ") + message));
}

void Mistakes::throw_if_any() const {
  if (lines_.empty()) return;
  std::string all;
  for (const auto& line : lines_) all += (all.empty() ? "" : "\n") + line;
  throw ConfigError(all);
}

std::string shown(const Json& value) {
  constexpr std::size_t kLongest = 60;
  if (value.is_object()) return "an object";
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > kLongest) {
    if (value.is_array()) return "a list of " + std::to_string(value.size());
    std::size_t end = kLongest;
    while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end) + "...";
  }
  return value.is_string() ? "the string " + text : value.is_array() ? "the list " + text : text;
}

std::string nearest(const std::string& name, const std::vector<std::string>& known) {
  const std::size_t limit = name.size() / 3;
  std::string best;
  std::size_t least = limit + 1;
  for (const auto& candidate : known) {
    const std::size_t difference = std::max(name.size(), candidate.size()) - std::min(name.size(), candidate.size());
    if (difference > limit) continue;
    const std::size_t distance = edit_distance(lower(name), lower(candidate));
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace peftlab::io
