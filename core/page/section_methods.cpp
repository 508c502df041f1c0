// What methods say of themselves, and what training did to the matrices.
#include <algorithm>
#include <cmath>

#include "core/compare/json_access.h"
#include "core/page/plot/heat_map.h"
#include "core/page/plot/xy_plot.h"
#include "core/page/sections.h"

namespace peftlab::page {
namespace {

constexpr size_t kMostReportRows = 300, kMostColumns = 12, kMostSeriesPoints = 400;
constexpr double kShareExplained = 0.9;
constexpr size_t kMostDirections = 32;  // listed of an update

const io::Json& list_at(const io::Json& value, const char* key) {
  static const io::Json kNone = io::Json::array();
  const auto* found = compare::find(value, key);
  return found != nullptr && found->is_array() ? *found : kNone;
}

std::string value_text(const io::Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return short_number(value.get<double>());
  return value.dump(-1, ' ', false, io::Json::error_handler_t::replace);
}

/// A name and a number a row, most of the names being those of layers' matrices: a map says more than a list.
std::optional<HeatMap> as_map(const io::Json& report) {
  HeatMap map{compare::text_at(report, "title"), "", short_number, {}};
  std::vector<std::string> names;
  for (const auto& row : list_at(report, "rows")) {
    if (!row.is_array() || row.size() != 2 || !row[0].is_string() || !row[1].is_number()) return std::nullopt;
    map.matrices.emplace_back(row[0].get<std::string>(), row[1].get<double>());
    names.push_back(map.matrices.back().first);
  }
  if (names.empty() || !are_layered(names)) return std::nullopt;
  return map;
}

Html as_table(const io::Json& report) {
  TableData data{compare::text_at(report, "title"), {}, {}};
  for (const auto& column : list_at(report, "columns")) {
    if (data.headings.size() < kMostColumns) data.headings.push_back(value_text(column));
  }
  const auto& rows = list_at(report, "rows");
  for (size_t i = 0; i < std::min(rows.size(), kMostReportRows); ++i) {
    if (!rows[i].is_array()) continue;
    data.rows.emplace_back();
    for (const auto& cell : rows[i]) {
      if (data.rows.back().size() >= data.headings.size()) break;
      data.rows.back().push_back(cell.is_number() ? TableCell::number(value_text(cell))
                                                  : TableCell::of(value_text(cell)));
    }
  }
  Html html = table(data);
  if (rows.size() > kMostReportRows) {
    html += element("p", {{"class", "soft"}},
                    "The first " + std::to_string(kMostReportRows) + " of " + std::to_string(rows.size()) + " rows.");
  }
  return html;
}

Html series_plot(const io::Json& report, const RowMaterial& row) {
  XyPlot plot;
  plot.title = compare::text_at(report, "title");
  plot.x_heading = "entry";
  plot.x_label = plot.y_label = short_number;
  XyLine one{row.series, row.row->label, {}};
  const auto& values = list_at(report, "values");
  const size_t stride = values.size() / kMostSeriesPoints + 1;
  for (size_t i = 0; i < values.size(); i += stride) {
    one.points.push_back({static_cast<double>(i + 1), values[i].is_number() ? values[i].get<double>() : NAN});
  }
  if (one.points.empty()) return {};
  plot.description = std::to_string(values.size()) + " values, the last " + short_number(one.points.back().y) + ".";
  plot.numbers = {plot.title, {"entry", "value"}, {}};
  for (size_t i = 0; i < one.points.size(); i += one.points.size() / 20 + 1) {
    plot.numbers.rows.push_back(
        {TableCell::of(short_number(one.points[i].x)), TableCell::number(short_number(one.points[i].y))});
  }
  plot.lines.push_back(std::move(one));
  return drawn(plot);
}

Html report_of(const RowMaterial& row) {
  Html tables;
  std::vector<Html> plots;
  const auto* reports = compare::find(row.record(), "results", "reports");
  if (reports == nullptr || !reports->is_array()) return {};
  for (const auto& report : *reports) {
    for (const auto& one : list_at(report, "tables")) {
      if (auto map = as_map(one)) {
        map->description =
            "By layer, downwards, and matrix, of " + row.shown_label() + ". The fuller a cell, the higher its value.";
        plots.push_back(drawn(*map));
      } else {
        tables += as_table(one);
      }
    }
    for (const auto& one : list_at(report, "series")) {
      if (auto plot = series_plot(one, row); !plot.empty()) plots.push_back(std::move(plot));
    }
  }
  if (tables.empty() && plots.empty()) return {};
  return element("h3", row.shown_label()) + (plots.empty() ? Html() : side_by_side(plots)) + tables;
}

/// The share of the update's energy in its first directions: (number of values).
std::vector<double> explained(const MatrixUpdate& update) {
  std::vector<double> shares;
  double sum = 0.0;
  for (const double value : update.singular_values) {
    sum += value * value;
    shares.push_back(std::min(1.0, sum / (update.update_norm * update.update_norm)));
  }
  return shares;
}

double median(std::vector<double> values) {
  if (values.empty()) return NAN;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

struct RowUpdates {
  const RowMaterial* row;
  std::vector<MatrixUpdate> changed;  // by something finite
};

std::vector<RowUpdates> updates_of(const Group& group) {
  std::vector<RowUpdates> all;
  for (const auto& row : group.rows) {
    if (row.row->untrained) continue;
    auto updates = read_updates(row.folder());
    std::erase_if(updates, [](const MatrixUpdate& u) {
      return !(u.update_norm > 0.0) || !std::isfinite(u.update_norm) || u.singular_values.empty();
    });
    if (!updates.empty()) all.push_back({&row, std::move(updates)});
  }
  return all;
}

/// Medians over matrices, direction by direction. A matrix with fewer values than another explains all with its last.
std::vector<At> explained_curve(const std::vector<MatrixUpdate>& updates) {
  std::vector<std::vector<double>> shares;
  size_t longest = 0;
  for (const auto& update : updates) {
    shares.push_back(explained(update));
    longest = std::max(longest, shares.back().size());
  }
  std::vector<At> curve;
  for (size_t k = 0; k < longest; ++k) {
    std::vector<double> here;
    for (const auto& one : shares) here.push_back(one[std::min(k, one.size() - 1)]);
    curve.push_back({static_cast<double>(k + 1), median(here)});
  }
  return curve;
}

std::string whole_percent(double share) { return short_number(100.0 * share); }

Html explained_panel(const std::vector<RowUpdates>& all, size_t begin, size_t end) {
  XyPlot plot;
  plot.title = "Energy of the update in its leading directions";
  plot.x_heading = "number of directions (logarithmic)";
  plot.y_heading = "share of the squared norm, %, median over matrices";
  plot.x_scale = Scale::logarithmic;
  plot.x_label = short_number;
  plot.y_label = whole_percent;
  plot.also_over = {0.0, 1.0};
  std::vector<LegendEntry> entries;
  for (size_t i = begin; i < end; ++i) {
    const auto& row = *all[i].row;
    plot.lines.push_back({row.series, row.row->label, explained_curve(all[i].changed)});
    entries.push_back({row.series, row.row->label, Sign::dashes});
  }
  plot.numbers = {plot.title + ", %", {"run"}, {}};
  for (size_t k = 1; k <= kMostDirections; k *= 2) plot.numbers.headings.push_back("first " + std::to_string(k));
  for (const auto& one : plot.lines) {
    plot.numbers.rows.push_back({TableCell::of(one.label)});
    for (size_t k = 1; k <= kMostDirections; k *= 2) {
      const auto& last = one.points[std::min(k, one.points.size()) - 1];
      plot.numbers.rows.back().push_back(TableCell::number(whole_percent(last.y)));
    }
  }
  plot.description =
      "Cumulative squared singular values of W' - W over its squared norm. A curve that is high on the left changes "
      "few "
      "directions; one that ends below 100 % has more directions than were kept.";
  return element("div", drawn(plot) + legend(entries));
}

/// How many directions hold most of the energy: "3", or "> 32" where those kept do not.
std::string num_directions(const MatrixUpdate& update) {
  const auto shares = explained(update);
  const auto found = std::find_if(shares.begin(), shares.end(), [](double share) { return share >= kShareExplained; });
  return found == shares.end() ? "> " + std::to_string(shares.size()) : std::to_string(found - shares.begin() + 1);
}

Html updates_table(const std::vector<RowUpdates>& all) {
  TableData data{"What training changed, medians over matrices",
                 {"run", "matrices changed", "size of the change, % of |W|", "first singular value",
                  "directions for 90 % of the energy"},
                 {}};
  for (const auto& one : all) {
    std::vector<double> sizes, first;
    for (const auto& update : one.changed) {
      sizes.push_back(update.update_norm / update.weight_norm);
      first.push_back(update.singular_values.front());
    }
    auto middle = one.changed;
    std::sort(middle.begin(), middle.end(), [](const auto& a, const auto& b) {
      const auto x = num_directions(a), y = num_directions(b);
      return x.size() != y.size() ? x.size() < y.size() : x < y;
    });
    data.rows.push_back({TableCell::of(one.row->shown_label()), TableCell::number(std::to_string(one.changed.size())),
                         TableCell::number(whole_percent(median(sizes))),
                         TableCell::number(short_number(median(first))),
                         TableCell::number(num_directions(middle[middle.size() / 2]))});
  }
  return table(data);
}

Html size_map(const RowUpdates& one) {
  HeatMap map{one.row->row->label + ": size of the change, % of |W|", "", whole_percent, {}};
  std::vector<std::string> names;
  for (const auto& update : one.changed) {
    map.matrices.emplace_back(update.matrix, update.update_norm / update.weight_norm);
    names.push_back(update.matrix);
  }
  if (!are_layered(names)) return {};
  map.description =
      "Frobenius norm of W' - W over that of W, by layer, downwards, and matrix, of " + one.row->shown_label() + ".";
  return drawn(map);
}

}  // namespace

Html method_reports(const Group& group) {
  Html all;
  for (const auto& row : group.rows) {
    if (!row.row->untrained) all += report_of(row);
  }
  return all;
}

Html weight_updates(const Group& group) {
  constexpr size_t kCurves = 8;  // in one plot
  const auto all = updates_of(group);
  if (all.empty()) return {};
  std::vector<Html> panels, maps;
  for (size_t begin = 0; begin < all.size(); begin += kCurves)
    panels.push_back(explained_panel(all, begin, std::min(begin + kCurves, all.size())));
  for (const auto& one : all) {
    if (auto map = size_map(one); !map.empty()) maps.push_back(std::move(map));
  }
  Html section = updates_table(all) + side_by_side(panels);
  if (!maps.empty()) section += folded("where: by layer and matrix, row by row", side_by_side(maps));
  return section;
}

}  // namespace peftlab::page
