// A plot with its caption, its description and the numbers behind it.
#pragma once

#include <string>
#include <vector>

#include "core/page/plot/drawing.h"
#include "core/page/tables.h"

namespace peftlab::page {

struct Figure {
  std::string title;
  std::string description;  // what a reader who does not see it should know; a sentence or two
  double height = 0.0;
  Html drawing;
  TableData numbers;  // shown on demand: all that is drawn, in figures
};

Html drawn(const Figure& figure);

enum class Sign { marker, dashes, swatch };

struct LegendEntry {
  int series = 0;
  std::string label;
  Sign sign = Sign::marker;
};
Html legend(const std::vector<LegendEntry>& entries);

/// Side by side where there is room.
Html side_by_side(const std::vector<Html>& figures);

}  // namespace peftlab::page
