#include "core/study/space.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "core/io/object_reader.h"
#include "core/io/streams.h"
#include "peftlab/error.h"

namespace peftlab::study {
namespace {

using io::Json;
using Kind = Dimension::Kind;

constexpr std::string_view kStream = "search";
constexpr int64_t kMostPoints = 1000000;
constexpr double kLargestInteger = 9007199254740992.0;  // 2^53: what a double holds exactly

/// Six digits: what a person would write, and the same on every machine.
double rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return std::strtod(text, nullptr);
}

/// From 0, 1 left out.
double unit(uint64_t seed, const io::Pointer& pointer, uint64_t index) {
  return static_cast<double>(io::stream_seed(seed, kStream, pointer, index) >> 11) * 0x1p-53;
}

double between(const Dimension& d, double share) {
  const double value =
      d.kind == Kind::log_uniform ? d.low * std::pow(d.high / d.low, share) : d.low + share * (d.high - d.low);
  return std::clamp(rounded(value), d.low, d.high);
}

Json drawn(const Dimension& d, double share) {
  if (d.kind == Kind::values) {
    const auto count = static_cast<double>(d.values.size());
    return d.values[static_cast<size_t>(std::min(std::floor(share * count), count - 1.0))];
  }
  if (d.kind == Kind::int_uniform)
    return static_cast<int64_t>(std::min(d.low + std::floor(share * (d.high - d.low + 1.0)), d.high));
  return between(d, share);
}

struct RangeName {
  const char* name;
  Kind kind;
};
constexpr RangeName kRanges[] = {
    {"uniform", Kind::uniform}, {"log_uniform", Kind::log_uniform}, {"int_uniform", Kind::int_uniform}};

/// What is wrong with [low, high], or "".
std::string wrong_range(Kind kind, const Json& value) {
  if (!value.is_array() || value.size() != 2 || !value[0].is_number() || !value[1].is_number()) {
    return "expected a list of two numbers, the lowest and the highest, got " + io::shown(value);
  }
  const double low = value[0].get<double>(), high = value[1].get<double>();
  if (!std::isfinite(low) || !std::isfinite(high) || low >= high)
    return "the lowest must be below the highest, got " + io::shown(value);
  if (kind == Kind::log_uniform && low <= 0.0) return "needs a lowest value above 0, got " + io::shown(value);
  const bool whole = low == std::floor(low) && high == std::floor(high) && std::abs(low) < kLargestInteger &&
                     std::abs(high) < kLargestInteger;
  return kind == Kind::int_uniform && !whole ? "expected two integers, got " + io::shown(value) : "";
}

void read_range(io::ObjectReader& reader, const RangeName& range, Dimension& d) {
  const Json value = reader.any(range.name, "the lowest and the highest value");
  if (value.is_null()) return;
  d.kind = range.kind;
  if (const auto wrong = wrong_range(range.kind, value); !wrong.empty()) return reader.mistake(range.name, wrong);
  d.low = value[0].get<double>();
  d.high = value[1].get<double>();
}

void read_values(io::ObjectReader& reader, Dimension& d) {
  const Json value = reader.any("values", "a list of values");
  if (value.is_null()) return;
  std::set<std::string> seen;
  for (const auto& one : value) {
    if (value.is_array() && seen.insert(one.dump()).second) d.values.push_back(one);
  }
  if (d.values.empty() || d.values.size() != value.size()) {
    reader.mistake("values", "expected a list of different values, got " + io::shown(value));
  }
}

bool is_integer_range(const Dimension& d) { return d.kind == Kind::int_uniform; }

}  // namespace

std::optional<Dimension> read_dimension(const io::Document& document, const io::Pointer& at, const io::Pointer& pointer,
                                        io::Mistakes& mistakes) {
  const size_t before = mistakes.lines().size();
  io::ObjectReader reader(document, at, mistakes);
  Dimension d;
  d.pointer = pointer;
  read_values(reader, d);
  int given = reader.has("values") ? 1 : 0;
  for (const auto& range : kRanges) {
    given += reader.has(range.name) ? 1 : 0;
    read_range(reader, range, d);
  }
  d.points =
      reader.optional_integer("points", "of a grid, from the lowest to the highest", {.least = 2, .most = 10000});
  if (d.points && d.kind == Kind::values) reader.mistake("points", "is for a range; a list of values has its own");
  if (given != 1) reader.mistake("", "expected one of 'values', 'uniform', 'log_uniform', 'int_uniform'");
  reader.finish();
  return mistakes.lines().size() == before ? std::optional(d) : std::nullopt;
}

Json dimension_schema() {
  Json properties = {{"values", {{"type", "array"}, {"minItems", 1}, {"uniqueItems", true}}}};
  const Json two = {{"type", "array"}, {"items", {{"type", "number"}}}, {"minItems", 2}, {"maxItems", 2}};
  for (const auto& range : kRanges) properties[range.name] = two;
  properties["points"] = {{"type", "integer"}, {"minimum", 2}, {"maximum", 10000}};
  return {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
}

bool has_grid(const Dimension& d) {
  return d.kind == Kind::values || d.points ||
         (is_integer_range(d) && d.high - d.low < static_cast<double>(kMostPoints));
}

std::vector<Json> grid_of(const Dimension& d) {
  if (d.kind == Kind::values) return d.values;
  std::vector<Json> values;
  const double count = d.points ? static_cast<double>(*d.points) : d.high - d.low + 1.0;
  for (double k = 0; k < count; ++k) {
    const double share = k / (count - 1.0);
    const Json value = is_integer_range(d) ? Json(static_cast<int64_t>(std::llround(d.low + share * (d.high - d.low))))
                                           : Json(between(d, share));
    if (values.empty() || values.back() != value) values.push_back(value);
  }
  return values;
}

std::vector<Point> grid(const Space& space) {
  std::vector<Point> points = {{}};
  for (const auto& d : space) {
    const auto values = grid_of(d);
    std::vector<Point> longer;
    for (const auto& point : points) {
      for (const auto& value : values) {
        longer.push_back(point);
        longer.back().emplace_back(d.pointer, value);
      }
    }
    points = std::move(longer);
  }
  return points;
}

std::optional<int64_t> num_points(const Space& space) {
  double count = 1.0;
  for (const auto& d : space) {
    if (d.kind == Kind::uniform || d.kind == Kind::log_uniform) return std::nullopt;
    count *= d.kind == Kind::values ? static_cast<double>(d.values.size()) : d.high - d.low + 1.0;
  }
  return count > static_cast<double>(kMostPoints) ? std::nullopt : std::optional(static_cast<int64_t>(count));
}

std::vector<Point> random_points(const Space& space, int64_t count, uint64_t seed) {
  // A draw that was met before is drawn again; where few points are left that takes long, and the grid tells which they
  // are.
  constexpr uint64_t kMostDraws = 1000;
  std::vector<Point> points;
  std::set<std::string> seen;
  const auto is_new = [&](const Point& point) { return seen.insert(Json(point).dump()).second; };
  for (int64_t k = 0; k < count; ++k) {
    Point point;
    for (uint64_t draw = 0; draw < kMostDraws; ++draw) {
      point.clear();
      const uint64_t index = static_cast<uint64_t>(k) + (draw << 32);
      for (const auto& d : space) point.emplace_back(d.pointer, drawn(d, unit(seed, d.pointer, index)));
      if (is_new(point)) break;
      point.clear();
    }
    if (!point.empty()) points.push_back(std::move(point));
  }
  if (static_cast<int64_t>(points.size()) == count) return points;
  for (auto& point : grid(space)) {
    if (static_cast<int64_t>(points.size()) < count && is_new(point)) points.push_back(std::move(point));
  }
  return points;
}

}  // namespace peftlab::study
