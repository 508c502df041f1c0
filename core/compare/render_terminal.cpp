#include <algorithm>
#include <sstream>

#include "core/compare/render.h"
#include "core/report/table.h"
#include "core/report/terminal.h"

namespace peftlab::compare {
namespace {

constexpr int kUnlimited = 1 << 20;

/// Numbers stand to the right, "<0.001" among them.
std::string padded(const std::string& text, const Column& column) {
  if (!column.number) return text;
  size_t width = column.heading.size();
  for (const auto& cell : column.cells) width = std::max(width, cell.text.size());
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

/// The name, the columns that `wanted` says, and the marks behind those of quality.
std::string table_of(const Layout& layout, int columns, bool (*wanted)(const Column&), bool marks) {
  std::vector<const Column*> chosen;
  for (const auto& column : layout.columns) {
    if (column.block == Block::name || wanted(column)) chosen.push_back(&column);
  }
  if (chosen.size() < 2) return "";
  std::vector<std::string> headings;
  for (const auto* column : chosen) headings.push_back(column->heading);
  if (marks) headings.push_back("mark");
  for (size_t i = 0; i < chosen.size(); ++i) headings[i] = padded(headings[i], *chosen[i]);
  report::Table table(headings);
  for (size_t row = 0; row < layout.marks.size(); ++row) {
    std::vector<std::string> cells;
    for (const auto* column : chosen) cells.push_back(padded(column->cells[row].text, *column));
    if (marks) cells.push_back(layout.marks[row]);
    table.add(std::move(cells));
  }
  return table.text(columns);
}

/// Word by word within the columns, later lines indented.
std::string wrapped(const std::string& text, int columns) {
  std::string result;
  int used = 0;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const int width = report::display_width(word);
    if (used > 0 && used + 1 + width > columns) {
      result += "\n  ";
      used = 2;
    } else if (used > 0) {
      result += " ";
      ++used;
    }
    result += word;
    used += width;
  }
  return result + "\n";
}

}  // namespace

std::string terminal_text(const Layout& layout, int columns, bool wide) {
  const bool marks =
      std::any_of(layout.marks.begin(), layout.marks.end(), [](const std::string& mark) { return !mark.empty(); });
  std::string text = wrapped(layout.title, columns) + "\n";
  if (wide) {
    text += table_of(
        layout, kUnlimited, [](const Column&) { return true; }, marks);
  } else {
    std::string tables;
    tables += table_of(
        layout, columns, [](const Column& c) { return c.block == Block::quality && !c.detail; }, marks);
    for (const auto& more :
         {table_of(
              layout, columns, [](const Column& c) { return c.block == Block::cost; }, false),
          table_of(
              layout, columns, [](const Column& c) { return c.block == Block::memory; }, false),
          table_of(
              layout, columns, [](const Column& c) { return c.block == Block::forgetting; }, false)}) {
      if (!more.empty()) tables += (tables.empty() ? "" : "\n") + more;
    }
    // Where nothing but names is known, the names stand alone.
    text += tables.empty() ? wrapped("", columns) : tables;
  }
  text += "\n";
  if (!layout.legend.empty()) text += wrapped(layout.legend, columns);
  for (const auto& failure : layout.failures) text += wrapped("- " + failure, columns);
  for (const auto& note : layout.notes) text += wrapped("- " + note, columns);
  return text;
}

}  // namespace peftlab::compare
