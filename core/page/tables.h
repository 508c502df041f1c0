// Tables of the page: each scrolls within a box of its own, which the keyboard reaches.
#pragma once

#include <string>
#include <vector>

#include "core/page/html.h"

namespace peftlab::page {

struct TableCell {
  Html content;
  const char* style = "";  // class names: "number", "code", "long"

  static TableCell of(std::string_view text) { return {Html::text(text)}; }
  static TableCell number(std::string_view text) { return {Html::text(text), "number"}; }
};

struct TableData {
  std::string caption;
  std::vector<std::string> headings;
  std::vector<std::vector<TableCell>> rows;  // the first cell of each heads its row
};

Html table(const TableData& data);

/// Shown when its summary is opened.
Html folded(std::string_view summary, const Html& content);

/// "0.00123", "45.6", "2520", "1.2e-05": three digits that count, or all before the point; "nan" for what is no number.
std::string short_number(double value);

/// The first `most` characters, with "…" where there were more.
std::string clipped(std::string_view text, size_t most);

}  // namespace peftlab::page
