#include "core/page/plot/heat_map.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "core/page/style.h"

namespace peftlab::page {
namespace {

constexpr int64_t kNoLayer = INT64_MAX;  // behind all that have one
constexpr size_t kMostDigits = 6;

struct Place {
  int64_t layer = kNoLayer;
  std::string matrix;  // what follows the layer's number, or the whole name
};

Place place_of(const std::string& name) {
  for (size_t begin = 0; begin < name.size();) {
    const size_t end = std::min(name.find('.', begin), name.size());
    const auto part = name.substr(begin, end - begin);
    const bool number =
        !part.empty() && part.size() <= kMostDigits && part.find_first_not_of("0123456789") == std::string::npos;
    if (number && end < name.size()) return {std::stoll(part), name.substr(end + 1)};
    begin = end + 1;
  }
  return {kNoLayer, name};
}

/// The last parts of a dotted name.
std::string ending(const std::string& name, size_t parts) {
  size_t at = name.size();
  for (size_t i = 0; i < parts && at != std::string::npos && at > 0; ++i) at = name.rfind('.', at - 1);
  return at == std::string::npos || at == 0 ? name : name.substr(at + 1);
}

std::string short_name(const std::string& name, const std::vector<std::string>& all) {
  for (size_t parts = 1; parts < 8; ++parts) {
    const auto shown = ending(name, parts);
    const auto same =
        std::count_if(all.begin(), all.end(), [&](const std::string& other) { return ending(other, parts) == shown; });
    if (same == 1) return shown;
  }
  return name;
}

class Grid {
 public:
  explicit Grid(const HeatMap& map) : map_(map) {
    for (const auto& [name, value] : map.matrices) {
      const auto place = place_of(name);
      if (std::find(columns_.begin(), columns_.end(), place.matrix) == columns_.end()) columns_.push_back(place.matrix);
      rows_[place.layer][place.matrix] = value;
      if (!std::isfinite(value)) continue;
      least_ = std::min(least_.value_or(value), value);
      most_ = std::max(most_.value_or(value), value);
    }
    width_ = std::min(kWidestCell,
                      (kPlotWidth - kLeft - kRight) / static_cast<double>(std::max<size_t>(1, columns_.size())));
  }

  double height() const { return kTop + static_cast<double>(rows_.size()) * kCellHeight + 4; }

  Html drawing() const {
    Html all;
    for (size_t c = 0; c < columns_.size(); ++c) all += heading(c);
    size_t row = 0;
    for (const auto& [layer, values] : rows_) {
      const double y = kTop + static_cast<double>(row++) * kCellHeight;
      all += label({kLeft - 6, y + 11}, layer == kNoLayer ? "other" : std::to_string(layer), "end", "soft");
      for (size_t c = 0; c < columns_.size(); ++c) {
        if (const auto found = values.find(columns_[c]); found != values.end()) all += cell(c, y, layer, found->second);
      }
    }
    return all;
  }

  TableData numbers() const {
    TableData data{map_.title, {"layer"}, {}};
    for (const auto& column : columns_) data.headings.push_back(short_name(column, columns_));
    for (const auto& [layer, values] : rows_) {
      data.rows.push_back({TableCell::of(layer == kNoLayer ? "other" : std::to_string(layer))});
      for (const auto& column : columns_) {
        const auto found = values.find(column);
        data.rows.back().push_back(TableCell::number(found == values.end() ? "-" : map_.label(found->second)));
      }
    }
    return data;
  }

 private:
  static constexpr double kLeft = 40, kRight = 34, kTop = 66, kCellHeight = 15, kWidestCell = 46;

  Html heading(size_t column) const {
    const double x = kLeft + (static_cast<double>(column) + 0.5) * width_;
    const auto turned = "rotate(-55 " + coordinate(x) + " " + coordinate(kTop - 5) + ")";
    return element("text", {{"x", coordinate(x)}, {"y", coordinate(kTop - 5)}, {"transform", turned}},
                   fitted(short_name(columns_[column], columns_), 70));
  }

  Html cell(size_t column, double y, int64_t layer, double value) const {
    const double x = kLeft + static_cast<double>(column) * width_;
    const bool known = std::isfinite(value);
    const double share = !known || *most_ == *least_ ? 0.5 : (value - *least_) / (*most_ - *least_);
    char opacity[16];
    std::snprintf(opacity, sizeof opacity, "%.2f", known ? 0.04 + (kHeatMost - 0.04) * share : 0.0);
    Html drawing = single("rect", {{"x", coordinate(x)},
                                   {"y", coordinate(y)},
                                   {"width", coordinate(width_ - 1)},
                                   {"height", coordinate(kCellHeight - 1)},
                                   {"class", "heat"},
                                   {"fill-opacity", opacity}});
    const auto text = known ? map_.label(value) : "nan";
    if (text_width(text) < width_ - 2) drawing += label({x + width_ / 2 - 0.5, y + 11}, text, "middle");
    const auto where =
        layer == kNoLayer ? columns_[column] : "layer " + std::to_string(layer) + ", " + columns_[column];
    return titled(where + ": " + text, drawing);
  }

  const HeatMap& map_;
  std::vector<std::string> columns_;
  std::map<int64_t, std::map<std::string, double>> rows_;
  std::optional<double> least_, most_;
  double width_ = 0.0;
};

}  // namespace

bool are_layered(const std::vector<std::string>& names) {
  const auto layered =
      std::count_if(names.begin(), names.end(), [](const auto& name) { return place_of(name).layer != kNoLayer; });
  return layered * 2 > static_cast<std::ptrdiff_t>(names.size());
}

Html drawn(const HeatMap& map) {
  const Grid grid(map);
  return drawn(Figure{map.title, map.description, grid.height(), grid.drawing(), grid.numbers()});
}

}  // namespace peftlab::page
