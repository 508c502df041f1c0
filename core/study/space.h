// A space of settings, and points in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/io/json.h"

namespace peftlab::study {

/// One setting and what it may be.
struct Dimension {
  enum class Kind { values, uniform, log_uniform, int_uniform };

  io::Pointer pointer;  // into the experiment
  Kind kind = Kind::values;
  std::vector<io::Json> values;   // values: at least one
  double low = 0.0, high = 0.0;   // else; both ends can be drawn
  std::optional<int64_t> points;  // of a grid between low and high
};

using Space = std::vector<Dimension>;

/// One value a dimension, in the order of the space.
using Point = std::vector<std::pair<io::Pointer, io::Json>>;

/// Reads {"values": [...]}, {"uniform": [low, high]}, {"log_uniform": [low, high]} or {"int_uniform": [low, high]},
/// each of the last three with "points" where a grid needs them. Mistakes go to the collector, and nothing is returned.
std::optional<Dimension> read_dimension(const io::Document& document, const io::Pointer& at, const io::Pointer& pointer,
                                        io::Mistakes& mistakes);

/// As JSON schema.
io::Json dimension_schema();

/// What a grid has of a dimension: its values, evenly spaced points (of a log_uniform evenly spaced ratios), or all
/// integers. REQUIRES: has_grid(dimension).
std::vector<io::Json> grid_of(const Dimension& dimension);
bool has_grid(const Dimension& dimension);

/// Every combination; the last dimension changes fastest.
std::vector<Point> grid(const Space& space);

/// How many different points there are; nothing where a dimension is continuous, or there are more than a million.
std::optional<int64_t> num_points(const Space& space);

/// `count` different points, each drawn by itself. Point k of a setting depends on seed, setting and k alone, so that
/// all who share a setting and its range try the same values of it. REQUIRES: the space has that many.
std::vector<Point> random_points(const Space& space, int64_t count, uint64_t seed);

}  // namespace peftlab::study
