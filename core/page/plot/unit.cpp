#include "core/page/plot/unit.h"

#include <vector>

#include "core/page/tables.h"

namespace peftlab::page {
namespace {

constexpr double kAtLeast = 2.0;

/// "2.44M".
std::string short_count(double value) {
  for (const auto& [size, letter] : {std::pair{1e9, "G"}, {1e6, "M"}, {1e3, "k"}}) {
    if (value >= size) return short_number(value / size) + letter;
  }
  return short_number(value);
}

}  // namespace

Unit unit_of(Quantity quantity, double most) {
  static const std::vector<Unit> kBytes = {
      {1.0, "B"}, {1024.0, "KiB"}, {1024.0 * 1024, "MiB"}, {1024.0 * 1024 * 1024, "GiB"}};
  static const std::vector<Unit> kSeconds = {{1.0, "s"}, {60.0, "min"}, {3600.0, "h"}};
  if (quantity == Quantity::count) return {};
  const auto& units = quantity == Quantity::bytes ? kBytes : kSeconds;
  Unit best = units.front();
  for (const auto& unit : units) {
    if (most >= kAtLeast * unit.size) best = unit;
  }
  return best;
}

Label label_of(Quantity quantity) { return quantity == Quantity::count ? Label(short_count) : Label(short_number); }

}  // namespace peftlab::page
