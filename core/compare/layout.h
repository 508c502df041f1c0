// A comparison as headings and cells, the same for every format that people read.
#pragma once

#include <string>
#include <vector>

#include "core/compare/comparison.h"

namespace peftlab::compare {

struct Cell {
  std::string text;  // "-" for what is not known
  bool bold = false;
  bool tie = false;   // cannot be told from the best
  bool star = false;  // differs from the baseline beyond chance
};

enum class Block { name, quality, cost, memory, forgetting };

struct Column {
  std::string heading;  // with its unit
  Block block;
  std::vector<Cell> cells;  // (rows)
  bool number = true;
  bool detail = false;  // left out where there is little room
};

struct Layout {
  std::string title;
  std::vector<Column> columns;
  std::vector<std::string> marks;     // (rows) "best", "=", "*"; for what cannot show bold or a star in a cell
  std::vector<std::string> failures;  // why a row has no result, a sentence each
  std::vector<std::string> notes;
  std::string legend;  // what the marks mean; empty where there are none
};

/// Every row of the comparison in its order; a column in which no row has anything is left out.
Layout lay_out(const Comparison& comparison);

}  // namespace peftlab::compare
