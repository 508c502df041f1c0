#include "core/report/table.h"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "core/report/terminal.h"

namespace peftlab::report {

namespace {

constexpr int kGap = 2;        // columns between two cells
constexpr int kNarrowest = 8;  // a text column is not cut below it
constexpr const char* kCut = "…";

/// Digits with sign, point, grouping, exponent and percent sign; "nan", "inf" and "-" stand for missing numbers.
bool is_number(const std::string& cell) {
  if (cell == "-" || cell == "nan" || cell == "inf" || cell == "-inf") return true;
  return cell.find_first_of("0123456789") != std::string::npos &&
         cell.find_first_not_of("0123456789+-.,eE %±[]") == std::string::npos;
}

std::string cut(const std::string& cell, int width) {
  if (display_width(cell) <= width) return cell;
  return cut_to_width(cell, width - 1) + kCut;
}

std::string line_of(const std::vector<std::string>& cells, const std::vector<int>& widths,
                    const std::vector<bool>& right) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string cell = cut(cells[i], widths[i]);
    const auto padding = static_cast<size_t>(widths[i] - display_width(cell));
    if (i) line.append(kGap, ' ');
    line += right[i] ? std::string(padding, ' ') + cell : cell + std::string(padding, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace

Table::Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}

void Table::add(std::vector<std::string> cells) {
  assert(cells.size() == headings_.size());
  for (std::string& cell : cells)
    for (char& c : cell)
      if (c == '\n' || c == '\t' || c == '\r') c = ' ';
  rows_.push_back(std::move(cells));
}

std::string Table::text(int columns) const {
  const size_t count = headings_.size();
  std::vector<int> widths(count);
  std::vector<bool> right(count);
  for (size_t i = 0; i < count; ++i) {
    widths[i] = display_width(headings_[i]);
    right[i] = !rows_.empty();
    for (const auto& row : rows_) {
      widths[i] = std::max(widths[i], display_width(row[i]));
      right[i] = right[i] && (row[i].empty() || is_number(row[i]));
    }
  }
  const auto total = [&] {
    return std::accumulate(widths.begin(), widths.end(), kGap * (static_cast<int>(count) - 1));
  };
  while (total() > columns) {
    size_t widest = count;
    for (size_t i = 0; i < count; ++i)
      if (!right[i] && widths[i] > kNarrowest && (widest == count || widths[i] > widths[widest])) widest = i;
    if (widest == count) break;
    --widths[widest];
  }
  std::string text = line_of(headings_, widths, right);
  for (int i = 0; i < total(); ++i) text += "─";
  text += "\n";
  for (const auto& row : rows_) text += line_of(row, widths, right);
  return text;
}

}  // namespace peftlab::report
