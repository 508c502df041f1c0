#include "core/page/tables.h"

#include <cmath>
#include <cstdio>

namespace peftlab::page {
namespace {

Html head_of(const std::vector<std::string>& headings) {
  Html cells;
  for (const auto& heading : headings) cells += element("th", {{"scope", "col"}}, heading);
  return element("thead", element("tr", cells));
}

Html row_of(const std::vector<TableCell>& cells) {
  Html row;
  for (size_t i = 0; i < cells.size(); ++i) {
    Attributes attributes;
    if (i == 0) attributes.emplace_back("scope", "row");
    if (cells[i].style[0] != '\0') attributes.emplace_back("class", cells[i].style);
    row += element(i == 0 ? "th" : "td", attributes, cells[i].content);
  }
  return element("tr", row);
}

}  // namespace

Html table(const TableData& data) {
  Html rows;
  for (const auto& row : data.rows) rows += row_of(row);
  const auto inner =
      element("caption", element("span", data.caption)) + head_of(data.headings) + element("tbody", rows);
  return element("div", {{"class", "scroll"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", data.caption}},
                 element("table", inner));
}

Html folded(std::string_view summary, const Html& content) {
  return element("details", element("summary", summary) + content);
}

std::string short_number(double value) {
  char text[32];
  const double size = std::abs(value);
  std::snprintf(text, sizeof text, size >= 999.5 && size < 1e7 ? "%.0f" : "%.3g", value);
  return text;
}

std::string clipped(std::string_view text, size_t most) {
  size_t characters = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
    if (begins && characters++ == most) return std::string(text.substr(0, at)) + "…";
  }
  return std::string(text);
}

}  // namespace peftlab::page
