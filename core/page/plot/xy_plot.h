// Lines and points over two axes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/page/plot/axis.h"
#include "core/page/plot/figure.h"

namespace peftlab::page {

struct XyLine {
  int series = 0;
  std::string label;
  std::vector<At> points;  // by rising x; a NaN interrupts the line
};

struct XyPoint {
  int series = 0;
  std::string label;  // written beside it where there is room
  At at;
  std::optional<std::pair<double, double>> y_interval;
};

struct XyPlot {
  std::string title, description;
  std::string x_heading, y_heading;  // with their units
  Scale x_scale = Scale::linear, y_scale = Scale::linear;
  Label x_label, y_label;
  std::vector<XyLine> lines;
  std::vector<XyPoint> points;
  std::vector<At> front;          // steps from point to point: what is reached at a cost; by rising x
  std::vector<double> also_over;  // values of y that the axis shows too, so that plots side by side have one
  TableData numbers;
};

Html drawn(const XyPlot& plot);

}  // namespace peftlab::page
