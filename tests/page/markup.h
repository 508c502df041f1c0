// Reads markup as strictly as it can be read: every element closed in its order, every attribute quoted.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace peftlab::page {

/// How many elements of each name there are. Fails the test where the markup is not balanced, and for what could run or
/// load.
inline std::map<std::string, int> elements_of(std::string_view markup) {
  std::map<std::string, int> counts;
  std::vector<std::string> open;
  const auto is_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-'; };
  for (size_t at = markup.find('<'); at != std::string_view::npos; at = markup.find('<', at + 1)) {
    if (markup.substr(at, 15) == "<!DOCTYPE html>") continue;
    const bool closes = markup[at + 1] == '/';
    size_t end = at + (closes ? 2 : 1);
    const size_t begin = end;
    while (end < markup.size() && is_name(markup[end])) ++end;
    const std::string name(markup.substr(begin, end - begin));
    EXPECT_FALSE(name.empty()) << markup.substr(at, 60);
    if (closes) {
      EXPECT_EQ(markup[end], '>') << name;
      EXPECT_TRUE(!open.empty() && open.back() == name)
          << "</" << name << "> closes " << (open.empty() ? "nothing" : open.back());
      if (!open.empty()) open.pop_back();
      continue;
    }
    while (end < markup.size() && markup[end] == ' ') {
      const size_t equals = markup.find('=', end), key = end + 1;
      const std::string attribute(markup.substr(key, equals - key));
      EXPECT_EQ(markup[equals + 1], '"') << attribute;
      const size_t quote = markup.find('"', equals + 2);
      EXPECT_FALSE(attribute.starts_with("on") || attribute == "src" || attribute == "srcset")
          << name << " " << attribute;
      EXPECT_TRUE(attribute != "href" || markup[equals + 2] == '#') << name;
      end = quote + 1;
    }
    const bool single = markup[end] == '/';
    EXPECT_EQ(markup[end + (single ? 1 : 0)], '>') << name;
    ++counts[name];
    if (!single) open.push_back(name);
  }
  EXPECT_TRUE(open.empty()) << (open.empty() ? "" : open.back()) << " stays open";
  for (const char* name : {"script", "img", "iframe", "object", "embed", "link", "form", "base", "foreignObject"})
    EXPECT_EQ(counts[name], 0) << name;
  return counts;
}

}  // namespace peftlab::page
