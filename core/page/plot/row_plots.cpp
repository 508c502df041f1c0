#include "core/page/plot/row_plots.h"

#include <algorithm>
#include <cmath>

namespace peftlab::page {
namespace {

constexpr double kLeft = 8, kRight = 14, kTop = 4, kRow = 34, kBottom = 40;
constexpr double kNameAt = 12, kMarkAt = 24;  // below the top of a row
constexpr double kBarHeight = 14;

double place(const Axis& axis, double value) { return kLeft + axis.share(value) * (kPlotWidth - kLeft - kRight); }
double top_of(size_t row) { return kTop + static_cast<double>(row) * kRow; }
double height_of(size_t num_rows) { return top_of(num_rows) + kBottom; }

Html axis_below(const Axis& axis, const Label& text, const std::string& heading, size_t num_rows) {
  Html drawing;
  const double bottom = top_of(num_rows) + 4;
  for (const double tick : axis.ticks) {
    const double x = place(axis, tick);
    const char* anchor = x < kLeft + 12 ? "start" : x > kPlotWidth - kRight - 12 ? "end" : "middle";
    drawing += line({x, kTop}, {x, bottom}, "grid") + label({x, bottom + 14}, text(tick), anchor, "soft");
  }
  return drawing + label({kPlotWidth / 2, height_of(num_rows) - 4}, heading, "middle");
}

/// The name on the left and a value on the right, neither over the other.
Html heading_of(size_t row, const std::string& name, const std::string& value, bool strong) {
  const double y = top_of(row) + kNameAt, right = kPlotWidth - kRight;
  const char* style = strong ? "halo strong" : "halo";
  return label({kLeft, y}, fitted(name, right - kLeft - text_width(value) - 10), "start", style) +
         label({right, y}, value, "end", "halo soft");
}

std::string interval_text(const IntervalRow& row, const Label& label) {
  if (!row.interval) return label(row.value);
  return label(row.value) + " [" + label(row.interval->first) + ", " + label(row.interval->second) + "]";
}

/// Points out of the plot, at the edge behind which the value lies.
Html arrow(const Axis& axis, const IntervalRow& row, double y) {
  const double x = place(axis, row.value), tip = row.value < axis.low ? -6 : 6;
  return path("M" + coordinate(x) + " " + coordinate(y - 5) + "l" + coordinate(tip) + " 5l" + coordinate(-tip) + " 5Z",
              {{"class", hue(row.series)}, {"fill", "currentColor"}});
}

Html interval_marks(const Axis& axis, const IntervalRow& row, double y) {
  if (row.value < axis.low || row.value > axis.high) return arrow(axis, row, y);
  Html drawing;
  for (const double single : row.singles) {
    const double x = place(axis, single);
    drawing += path("M" + coordinate(x) + " " + coordinate(y - 5) + "v10",
                    {{"class", hue(row.series)}, {"stroke", "currentColor"}});
  }
  if (row.interval) {
    const double low = place(axis, row.interval->first), high = place(axis, row.interval->second);
    drawing += path("M" + coordinate(low) + " " + coordinate(y) + "H" + coordinate(high),
                    {{"class", "series " + hue(row.series)}, {"stroke", "currentColor"}});
  }
  if (std::isfinite(row.value)) drawing += marker({place(axis, row.value), y}, row.series);
  return drawing;
}

Html interval_row(const IntervalPlot& plot, const Axis& axis, size_t i) {
  const auto& row = plot.rows[i];
  const auto text = interval_text(row, plot.label);
  return titled(row.label + ": " + text, interval_marks(axis, row, top_of(i) + kMarkAt)) +
         heading_of(i, row.label, text, row.strong);
}

TableData numbers_of(const IntervalPlot& plot) {
  TableData data{plot.title, {"run", plot.heading, "from", "to", "seed by seed"}, {}};
  for (const auto& row : plot.rows) {
    std::string singles;
    for (const double single : row.singles) singles += (singles.empty() ? "" : ", ") + plot.label(single);
    data.rows.push_back({TableCell::of(row.label), TableCell::number(plot.label(row.value)),
                         TableCell::number(row.interval ? plot.label(row.interval->first) : "-"),
                         TableCell::number(row.interval ? plot.label(row.interval->second) : "-"),
                         TableCell::number(singles.empty() ? "-" : singles)});
  }
  return data;
}

TableData numbers_of(const BarPlot& plot) {
  TableData data{plot.title, {"run"}, {}};
  for (const auto& part : plot.parts) data.headings.push_back(part);
  for (const auto& [name, values] : plot.rows) {
    data.rows.push_back({TableCell::of(name)});
    for (const double value : values)
      data.rows.back().push_back(TableCell::number(std::isfinite(value) ? plot.label(value) : "-"));
  }
  return data;
}

double total_of(const std::vector<double>& values) {
  double total = 0.0;
  for (const double value : values) total += std::isfinite(value) ? value : 0.0;
  return total;
}

Html bar(const BarPlot& plot, const Axis& axis, size_t i) {
  const double y = top_of(i) + kMarkAt - kBarHeight / 2;
  Html drawing;
  double sum = 0.0;
  const auto& [name, values] = plot.rows[i];
  for (size_t part = 0; part < values.size(); ++part) {
    if (!std::isfinite(values[part]) || values[part] <= 0.0) continue;
    const double left = place(axis, sum), right = place(axis, sum + values[part]);
    sum += values[part];
    Html segment = single("rect", {{"x", coordinate(left)},
                                   {"y", coordinate(y)},
                                   {"width", coordinate(right - left)},
                                   {"height", coordinate(kBarHeight)},
                                   {"class", hue(static_cast<int>(part))},
                                   {"fill", "currentColor"},
                                   {"fill-opacity", "0.3"},
                                   {"stroke", "currentColor"}});
    if (right - left > 12) segment += label({(left + right) / 2, y + 11}, std::to_string(part + 1), "middle");
    drawing += titled(name + ", " + plot.parts[part] + ": " + plot.label(values[part]), segment);
  }
  return drawing + heading_of(i, name, plot.label(sum), /*strong=*/false);
}

Html markers(const BarPlot& plot, const Axis& axis, size_t i) {
  const double y = top_of(i) + kMarkAt;
  const auto& [name, values] = plot.rows[i];
  Html drawing = line({kLeft, y}, {kPlotWidth - kRight, y}, "grid");
  double most = NAN;
  for (size_t part = 0; part < values.size(); ++part) {
    if (!std::isfinite(values[part])) continue;
    most = std::fmax(most, values[part]);
    drawing += titled(name + ", " + plot.parts[part] + ": " + plot.label(values[part]),
                      marker({place(axis, values[part]), y}, static_cast<int>(part), 4));
  }
  return drawing + heading_of(i, name, std::isfinite(most) ? plot.label(most) : "-", /*strong=*/false);
}

Html parts_legend(const BarPlot& plot, Sign sign) {
  std::vector<LegendEntry> entries;
  for (size_t i = 0; i < plot.parts.size(); ++i) {
    const auto number = sign == Sign::swatch ? std::to_string(i + 1) + " " : "";
    entries.push_back({static_cast<int>(i), number + plot.parts[i], sign});
  }
  return legend(entries);
}

/// All that is drawn of the rows that set the axis; of all rows where none does.
std::vector<double> values_of(const IntervalPlot& plot) {
  const bool any = std::any_of(plot.rows.begin(), plot.rows.end(), [](const auto& row) { return row.sets_axis; });
  std::vector<double> values;
  if (plot.reference) values.push_back(*plot.reference);
  for (const auto& row : plot.rows) {
    if (any && !row.sets_axis) continue;
    values.push_back(row.value);
    values.insert(values.end(), row.singles.begin(), row.singles.end());
    if (row.interval) values.insert(values.end(), {row.interval->first, row.interval->second});
  }
  return values;
}

}  // namespace

Html drawn(const IntervalPlot& plot) {
  const auto axis = axis_over(values_of(plot), Scale::linear);
  Html drawing = axis_below(axis, plot.label, plot.heading, plot.rows.size());
  if (plot.reference) {
    const double x = place(axis, *plot.reference);
    drawing += line({x, kTop}, {x, top_of(plot.rows.size()) + 4}, "reference");
  }
  for (size_t i = 0; i < plot.rows.size(); ++i) drawing += interval_row(plot, axis, i);
  return drawn(Figure{plot.title, plot.description, height_of(plot.rows.size()), drawing, numbers_of(plot)});
}

Html drawn(const BarPlot& plot) {
  std::vector<double> totals = {0.0};
  for (const auto& [name, values] : plot.rows) totals.push_back(total_of(values));
  const auto axis = axis_over(totals, Scale::linear);
  Html drawing = axis_below(axis, plot.label, plot.heading, plot.rows.size());
  for (size_t i = 0; i < plot.rows.size(); ++i) drawing += bar(plot, axis, i);
  return drawn(Figure{plot.title, plot.description, height_of(plot.rows.size()), drawing, numbers_of(plot)}) +
         parts_legend(plot, Sign::swatch);
}

Html drawn_as_markers(const BarPlot& plot) {
  std::vector<double> all = {0.0};
  for (const auto& [name, values] : plot.rows) all.insert(all.end(), values.begin(), values.end());
  const auto axis = axis_over(all, Scale::linear);
  Html drawing = axis_below(axis, plot.label, plot.heading, plot.rows.size());
  for (size_t i = 0; i < plot.rows.size(); ++i) drawing += markers(plot, axis, i);
  return drawn(Figure{plot.title, plot.description, height_of(plot.rows.size()), drawing, numbers_of(plot)}) +
         parts_legend(plot, Sign::marker);
}

}  // namespace peftlab::page
