// Units that make numbers short.
#pragma once

#include <string>

#include "core/page/plot/axis.h"

namespace peftlab::page {

enum class Quantity { count, bytes, seconds };

/// value / size is written; "MiB" behind the heading says what it is. No name for counts: "2.44M" says it itself.
struct Unit {
  double size = 1.0;
  std::string name;

  /// "peak memory, MiB"
  std::string with(const std::string& heading) const { return name.empty() ? heading : heading + ", " + name; }
};

/// The largest unit in which `most` is at least 2.
Unit unit_of(Quantity quantity, double most);

/// What is written at a tick, of values already divided by the unit.
Label label_of(Quantity quantity);

}  // namespace peftlab::page
