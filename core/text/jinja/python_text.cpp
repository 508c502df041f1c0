#include "core/text/jinja/python_text.h"

#include <utf8proc.h>

#include <algorithm>

#include "core/text/jinja/budget.h"

namespace peftlab::text::jinja {

namespace {

char32_t next_point(std::string_view text, size_t& at) {
  utf8proc_int32_t point = 0;
  const auto used = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                                     static_cast<utf8proc_ssize_t>(text.size() - at), &point);
  if (used <= 0) throw Failure("a text is not UTF-8");
  at += static_cast<size_t>(used);
  return static_cast<char32_t>(point);
}

size_t previous(std::string_view text, size_t at) {
  do --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80);
  return at;
}

utf8proc_category_t category(char32_t point) { return utf8proc_category(static_cast<utf8proc_int32_t>(point)); }

std::vector<std::string_view> split_at_space(std::string_view text, int64_t limit) {
  std::vector<std::string_view> parts;
  text = strip(text, Side::left);
  while (!text.empty()) {
    size_t end = 0;
    for (size_t at = 0; at < text.size(); end = at)
      if (is_space(next_point(text, at))) break;
    if (limit >= 0 && static_cast<int64_t>(parts.size()) == limit) {
      parts.push_back(text);
      break;
    }
    parts.push_back(text.substr(0, end));
    text = strip(text.substr(end), Side::left);
  }
  return parts;
}

std::vector<std::string_view> split_at_space_from_right(std::string_view text, int64_t limit) {
  std::vector<std::string_view> parts;
  text = strip(text, Side::right);
  while (!text.empty()) {
    if (limit >= 0 && static_cast<int64_t>(parts.size()) == limit) {
      parts.push_back(text);
      break;
    }
    size_t begin = text.size();
    while (begin > 0) {
      const size_t before = previous(text, begin);
      size_t at = before;
      if (is_space(next_point(text, at))) break;
      begin = before;
    }
    parts.push_back(text.substr(begin));
    text = strip(text.substr(0, begin), Side::right);
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

}  // namespace

std::u32string decode(std::string_view text) {
  std::u32string points;
  points.reserve(text.size());
  for (size_t at = 0; at < text.size();) points.push_back(next_point(text, at));
  return points;
}

void append(std::string& text, char32_t point) {
  utf8proc_uint8_t bytes[4];
  const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(point), bytes);
  text.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
}

std::string encode(std::u32string_view points) {
  std::string text;
  text.reserve(points.size());
  for (const char32_t point : points) append(text, point);
  return text;
}

size_t length(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

bool is_space(char32_t point) {
  if (point < 0x80) return (point >= 9 && point <= 13) || (point >= 28 && point <= 32);
  return point == 0x85 || point == 0xa0 || point == 0x1680 || (point >= 0x2000 && point <= 0x200a) || point == 0x2028 ||
         point == 0x2029 || point == 0x202f || point == 0x205f || point == 0x3000;
}

bool is_printable(char32_t point) {
  if (point < 0x80) return point >= 32 && point != 127;
  switch (category(point)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

bool is_letter(char32_t point) {
  const auto kind = category(point);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool begins_name(char32_t point) { return point == '_' || is_letter(point) || category(point) == UTF8PROC_CATEGORY_NL; }

bool continues_name(char32_t point) {
  const auto kind = category(point);
  return begins_name(point) || kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_MC ||
         kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_PC;
}

std::string_view strip(std::string_view text, Side side, std::optional<std::string_view> characters) {
  const std::u32string set = characters ? decode(*characters) : std::u32string();
  const auto goes = [&](char32_t point) { return characters ? set.find(point) != set.npos : is_space(point); };
  while (side != Side::right && !text.empty()) {
    size_t at = 0;
    if (!goes(next_point(text, at))) break;
    text.remove_prefix(at);
  }
  while (side != Side::left && !text.empty()) {
    const size_t begin = previous(text, text.size());
    size_t at = begin;
    if (!goes(next_point(text, at))) break;
    text = text.substr(0, begin);
  }
  return text;
}

std::vector<std::string_view> split(std::string_view text, std::optional<std::string_view> separator, int64_t limit,
                                    bool from_right) {
  if (!separator) return from_right ? split_at_space_from_right(text, limit) : split_at_space(text, limit);
  if (separator->empty()) throw Failure("split: empty separator");
  std::vector<std::string_view> parts;
  const auto more = [&] { return limit < 0 || static_cast<int64_t>(parts.size()) < limit; };
  if (from_right) {
    for (size_t at; more() && (at = text.rfind(*separator)) != text.npos; text = text.substr(0, at))
      parts.push_back(text.substr(at + separator->size()));
    parts.push_back(text);
    std::reverse(parts.begin(), parts.end());
    return parts;
  }
  for (size_t at; more() && (at = text.find(*separator)) != text.npos; text.remove_prefix(at + separator->size()))
    parts.push_back(text.substr(0, at));
  parts.push_back(text);
  return parts;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  const auto ends_line = [](char32_t p) {
    return (p >= 10 && p <= 13) || (p >= 28 && p <= 30) || p == 0x85 || p == 0x2028 || p == 0x2029;
  };
  std::vector<std::string_view> lines;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin, at = begin;
    while (at < text.size()) {
      const char32_t point = next_point(text, at);
      if (!ends_line(point)) {
        end = at;
        continue;
      }
      if (point == '\r' && at < text.size() && text[at] == '\n') ++at;
      break;
    }
    lines.push_back(text.substr(begin, (keep_ends ? at : end) - begin));
    begin = at;
  }
  return lines;
}

std::string replace(std::string_view text, std::string_view old, std::string_view by, int64_t limit, size_t max_bytes) {
  std::string result;
  const auto put = [&](std::string_view part) {
    if (part.size() > max_bytes - result.size()) throw Failure("replace: the result is too long");
    result.append(part);
  };
  if (text.size() > max_bytes) throw Failure("replace: the result is too long");
  size_t at = 0;
  for (int64_t done = 0; limit < 0 || done < limit; ++done) {
    if (old.empty()) {  // Python puts the replacement before every character and at the end
      put(by);
      if (at == text.size()) return result;
      const size_t begin = at;
      next_point(text, at);
      put(text.substr(begin, at - begin));
      continue;
    }
    const size_t found = text.find(old, at);
    if (found == text.npos) break;
    put(text.substr(at, found - at));
    put(by);
    at = found + old.size();
  }
  put(text.substr(at));
  return result;
}

size_t count(std::string_view text, std::string_view part) {
  if (part.empty()) return length(text) + 1;
  size_t found = 0;
  for (size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++found;
  return found;
}

}  // namespace peftlab::text::jinja
