// What plots are drawn with: lines, texts and marks in SVG.
#pragma once

#include <string>

#include "core/page/html.h"

namespace peftlab::page {

/// Every plot is as wide as a small telephone, so that its letters can be read there; a wide page has several side by
/// side.
inline constexpr double kPlotWidth = 340.0;

struct At {
  double x = 0.0, y = 0.0;
};

/// A coordinate, to a tenth of a unit.
std::string coordinate(double value);

Html line(At from, At to, const char* style);
/// `anchor`: "start", "middle" or "end". `style`: class names.
Html label(At at, std::string_view text, const char* anchor = "start", const char* style = "");
Html path(const std::string& commands, const Attributes& attributes);
/// Shown by pointing at what is drawn in it, and read aloud.
Html titled(std::string_view title, const Html& drawing);

/// The marker of series number `series`. Shape and hue are both its own for the first 56.
Html marker(At at, int series, double radius = 4.5);
/// The class of its hue, "h3": what is drawn with "currentColor" in it has its colour.
std::string hue(int series);
/// Its dashes, as stroke-dasharray; "none" for the first. Its own for the first eight.
const char* dashes(int series);

/// About how wide a text of the plots' size is.
double text_width(std::string_view text);
/// The text, cut with "…" so that it is no wider.
std::string fitted(std::string_view text, double width);

}  // namespace peftlab::page
