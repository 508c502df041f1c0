// How the page looks: colours for light and dark, plots, tables.
#pragma once

#include <string_view>

#include "core/page/html.h"

namespace peftlab::page {

/// Hues of the series; what a series is told apart by besides are its marker and its dashes (plot/style.h).
inline constexpr int kNumHues = 8;

/// The whole style sheet. Colours are variables, each given once for light and once for dark: --ink and --soft on
/// --paper and on --raised hold 4.5 : 1, --s0 to --s7 hold 3 : 1, and --ink holds 4.5 : 1 on --heat at kHeatMost.
std::string_view style_sheet();
/// The same as an element.
Html style_element();

/// How much of --heat the fullest cell of a heat map has.
inline constexpr double kHeatMost = 0.7;

}  // namespace peftlab::page
