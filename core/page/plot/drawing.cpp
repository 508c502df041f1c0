#include "core/page/plot/drawing.h"

#include <array>
#include <cstdio>

#include "core/page/style.h"

namespace peftlab::page {
namespace {

constexpr double kNarrow = 6.1, kWide = 11.0;  // units a character: of the Latin alphabet, of most others

/// Bytes and width of the character at the beginning.
std::pair<size_t, double> first_character(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const size_t bytes = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  return {std::min(bytes, text.size()), bytes < 3 ? kNarrow : kWide};
}

std::string point(double x, double y) { return coordinate(x) + " " + coordinate(y); }

std::string polygon(At at, std::initializer_list<At> corners) {
  std::string commands;
  for (const auto& c : corners) commands += (commands.empty() ? "M" : "L") + point(at.x + c.x, at.y + c.y);
  return commands + "Z";
}

std::string circle(At at, double r) {
  return "M" + point(at.x - r, at.y) + "a" + point(r, r) + " 0 1 0 " + point(2 * r, 0) + "a" + point(r, r) + " 0 1 0 " +
         point(-2 * r, 0) + "Z";
}

std::string strokes(At at, At half, At other) {
  return "M" + point(at.x - half.x, at.y - half.y) + "L" + point(at.x + half.x, at.y + half.y) + "M" +
         point(at.x - other.x, at.y - other.y) + "L" + point(at.x + other.x, at.y + other.y);
}

/// Seven shapes, so that with eight hues the pair of both repeats after 56 alone.
std::string shape(At at, int series, double r) {
  switch (series % 7) {
    case 0:
      return circle(at, r);
    case 1:
      return polygon(at, {{-r, -r}, {r, -r}, {r, r}, {-r, r}});
    case 2:
      return polygon(at, {{0, -1.2 * r}, {1.1 * r, 0.9 * r}, {-1.1 * r, 0.9 * r}});
    case 3:
      return polygon(at, {{0, -1.3 * r}, {1.3 * r, 0}, {0, 1.3 * r}, {-1.3 * r, 0}});
    case 4:
      return polygon(at, {{0, 1.2 * r}, {1.1 * r, -0.9 * r}, {-1.1 * r, -0.9 * r}});
    case 5:
      return strokes(at, {r, r}, {r, -r});
    default:
      return strokes(at, {1.2 * r, 0}, {0, 1.2 * r});
  }
}

}  // namespace

std::string coordinate(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  std::string shown = text;
  if (shown.ends_with(".0")) shown.resize(shown.size() - 2);
  return shown == "-0" ? "0" : shown;
}

Html line(At from, At to, const char* style) {
  return single("line", {{"x1", coordinate(from.x)},
                         {"y1", coordinate(from.y)},
                         {"x2", coordinate(to.x)},
                         {"y2", coordinate(to.y)},
                         {"class", style}});
}

Html label(At at, std::string_view text, const char* anchor, const char* style) {
  Attributes attributes = {{"x", coordinate(at.x)}, {"y", coordinate(at.y)}};
  if (std::string_view(anchor) != "start") attributes.emplace_back("text-anchor", anchor);
  if (style[0] != '\0') attributes.emplace_back("class", style);
  return element("text", attributes, text);
}

Html path(const std::string& commands, const Attributes& attributes) {
  Attributes all = attributes;
  all.emplace_back("d", commands);
  return single("path", all);
}

Html titled(std::string_view title, const Html& drawing) { return element("g", element("title", title) + drawing); }

Html marker(At at, int series, double radius) {
  const bool open = series % 7 >= 5;
  Attributes attributes = {{"class", hue(series)},
                           {"stroke", open ? "currentColor" : "var(--paper)"},
                           {"stroke-width", open ? "2" : "1"},
                           {"fill", open ? "none" : "currentColor"}};
  return path(shape(at, series, radius), attributes);
}

std::string hue(int series) { return "h" + std::to_string(series % kNumHues); }

const char* dashes(int series) {
  static constexpr std::array<const char*, kNumHues> kDashes = {"none", "7 3",         "2 3", "9 3 2 3",
                                                                "14 4", "5 2 1 2 1 2", "1 2", "12 2 4 2"};
  return kDashes[static_cast<size_t>(series % kNumHues)];
}

double text_width(std::string_view text) {
  double width = 0.0;
  while (!text.empty()) {
    const auto [bytes, units] = first_character(text);
    width += units;
    text.remove_prefix(bytes);
  }
  return width;
}

std::string fitted(std::string_view text, double width) {
  const std::string shown = printable(text);
  if (text_width(shown) <= width) return shown;
  std::string_view rest = shown;
  double used = kNarrow;
  size_t kept = 0;
  while (!rest.empty()) {
    const auto [bytes, units] = first_character(rest);
    used += units;
    if (used > width) break;
    kept += bytes;
    rest.remove_prefix(bytes);
  }
  return shown.substr(0, kept) + "…";
}

}  // namespace peftlab::page
