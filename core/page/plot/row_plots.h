// Plots with one row a method: its name on a line of its own, so that long names fit, and below it what was measured.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/page/plot/axis.h"
#include "core/page/plot/figure.h"

namespace peftlab::page {

struct IntervalRow {
  int series = 0;
  std::string label;
  double value = 0.0;
  std::optional<std::pair<double, double>> interval;
  std::vector<double> singles;  // seed by seed, as ticks
  bool strong = false;
  bool sets_axis = true;  // false: where it lies outside what the others need, an arrow at the edge shows where to
};

/// Values with their intervals, one above the other.
struct IntervalPlot {
  std::string title, description, heading;
  Label label;
  std::vector<IntervalRow> rows;
  std::optional<double> reference;  // an upright line
};
Html drawn(const IntervalPlot& plot);

/// Parts that add up, one bar a row. Parts are told apart by number as well as by hue.
struct BarPlot {
  std::string title, description, heading;
  Label label;
  std::vector<std::string> parts;
  std::vector<std::pair<std::string, std::vector<double>>> rows;  // label, one value a part; NaN: not known
};
Html drawn(const BarPlot& plot);

/// Values that do not add up: one marker a part on each row's line.
Html drawn_as_markers(const BarPlot& plot);

}  // namespace peftlab::page
