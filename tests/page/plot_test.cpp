// Plots: drawn to the last value, told apart without hues, and with the numbers behind them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/page/plot/heat_map.h"
#include "core/page/plot/row_plots.h"
#include "core/page/plot/xy_plot.h"
#include "core/page/style.h"
#include "tests/page/markup.h"

namespace peftlab::page {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string plain(double value) { return short_number(value); }

TEST(Markers, AreTheirOwnForTheFirst56) {
  std::set<std::string> seen;
  for (int series = 0; series < 56; ++series) seen.insert(marker({10, 10}, series).markup());
  EXPECT_EQ(seen.size(), 56u);
  std::set<std::string> strokes;
  for (int series = 0; series < kNumHues; ++series) strokes.insert(dashes(series));
  EXPECT_EQ(strokes.size(), static_cast<size_t>(kNumHues));
}

TEST(Fitted, CutsToTheWidth) {
  EXPECT_EQ(fitted("short", 100), "short");
  const auto cut = fitted("a name that is much too long", 60);
  EXPECT_TRUE(cut.ends_with("…")) << cut;
  EXPECT_LE(text_width(cut), 60 + 11);
  EXPECT_GT(text_width("路名"), text_width("ab"));
}

XyPlot two_points() {
  XyPlot plot;
  plot.title = "Quality <against> cost";
  plot.description = "Two.";
  plot.x_heading = "cost";
  plot.y_heading = "score";
  plot.x_label = plot.y_label = plain;
  plot.points = {{0, "first & best", {1.0, 0.5}, std::pair(0.4, 0.6)}, {1, "second", {2.0, 0.7}, std::nullopt}};
  plot.front = {{1.0, 0.5}, {2.0, 0.7}};
  plot.numbers = {"numbers", {"run", "cost"}, {{TableCell::of("first & best"), TableCell::number("1")}}};
  return plot;
}

TEST(XyPlot, HasTextAlternativesAndItsNumbers) {
  const auto markup = drawn(two_points()).markup();
  const auto counts = elements_of(markup);
  EXPECT_EQ(counts.at("figure"), 1);
  EXPECT_EQ(counts.at("desc"), 1);
  EXPECT_EQ(counts.at("details"), 1);
  EXPECT_EQ(counts.at("table"), 1);
  EXPECT_THAT(markup, HasSubstr("<title>first &amp; best: 1, 0.5</title>"));
  EXPECT_THAT(markup, HasSubstr("role=\"img\" aria-label=\"Quality &lt;against&gt; cost. Two.\""));
  EXPECT_THAT(markup, HasSubstr("class=\"halo\">second</text>"));
  EXPECT_THAT(markup, HasSubstr("class=\"front\""));
}

TEST(XyPlot, NamesThatMeetAreLeftToTheLegend) {
  auto plot = two_points();
  for (int i = 0; i < 30; ++i) plot.points.push_back({2, "crowd", {1.0 + 0.001 * i, 0.5}, std::nullopt});
  const auto markup = drawn(plot).markup();
  size_t named = 0;
  for (size_t at = markup.find(">crowd</text>"); at != std::string::npos; at = markup.find(">crowd</text>", at + 1))
    ++named;
  EXPECT_GT(named, 0u);
  EXPECT_LT(named, 8u);
}

TEST(XyPlot, WhatIsNoNumberIsLeftOut) {
  auto plot = two_points();
  plot.points.push_back({2, "lost", {NAN, 0.5}, std::nullopt});
  plot.lines.push_back({3, "line", {{0.0, 0.1}, {1.0, NAN}, {2.0, 0.3}, {3.0, 0.4}}});
  const auto markup = drawn(plot).markup();
  elements_of(markup);
  EXPECT_THAT(markup, Not(HasSubstr("nan")));
  EXPECT_THAT(markup, Not(HasSubstr("lost")));
  const size_t begin = markup.find("<title>line</title>"), d = markup.find(" d=\"", begin) + 4;
  const auto commands = markup.substr(d, markup.find('"', d) - d);
  EXPECT_EQ(std::count(commands.begin(), commands.end(), 'M'), 2) << commands;  // interrupted once
}

TEST(IntervalPlot, ShowsRowsOutsideTheAxisAsArrows) {
  IntervalPlot plot{"scores", "d", "score", plain, {}, 0.9};
  plot.rows = {{0, "good", 0.9, std::pair(0.85, 0.95), {0.89, 0.91}, true, true},
               {1, "base", 0.0, std::pair(0.0, 0.01), {}, false, false}};
  const auto markup = drawn(plot).markup();
  elements_of(markup);
  EXPECT_THAT(markup, HasSubstr("base: 0 [0, 0.01]"));
  EXPECT_THAT(markup, HasSubstr("good: 0.9 [0.85, 0.95]"));
  EXPECT_THAT(markup, HasSubstr("l-6 5l6 5Z"));        // to the left
  EXPECT_THAT(markup, Not(HasSubstr(">0.2</text>")));  // the axis is that of the others
  plot.rows[1].sets_axis = true;
  EXPECT_THAT(drawn(plot).markup(), Not(HasSubstr("l-6 5l6 5Z")));
}

TEST(BarPlot, SumsItsPartsAndMarkersDoNot) {
  BarPlot plot{"time", "d", "s", plain, {"one", "two"}, {{"run", {3.0, 4.0}}, {"other", {1.0, NAN}}}};
  const auto bars = drawn(plot).markup();
  EXPECT_EQ(elements_of(bars)["rect"], 3);
  EXPECT_THAT(bars, HasSubstr(">7</text>"));
  EXPECT_THAT(bars, HasSubstr("other, one: 1"));
  EXPECT_THAT(bars, Not(HasSubstr("other, two")));
  const auto marks = drawn_as_markers(plot).markup();
  EXPECT_THAT(marks, HasSubstr(">4</text>"));
  EXPECT_EQ(elements_of(marks)["rect"], 0);
}

TEST(HeatMap, IsByLayerAndShortestName) {
  HeatMap map{"ranks", "d", plain, {}};
  for (int layer : {10, 9}) {
    for (const char* matrix : {"attn.c_proj", "mlp.c_proj", "mlp.c_fc"}) {
      map.matrices.emplace_back("h." + std::to_string(layer) + "." + matrix, layer + 0.5);
    }
  }
  map.matrices.emplace_back("lm_head", NAN);
  const auto markup = drawn(map).markup();
  EXPECT_EQ(elements_of(markup)["rect"], 7);
  EXPECT_THAT(markup, HasSubstr(">attn.c_proj</text>"));
  EXPECT_THAT(markup, HasSubstr(">c_fc</text>"));
  EXPECT_LT(markup.find(">9</text>"), markup.find(">10</text>"));
  EXPECT_THAT(markup, HasSubstr(">other</text>"));
  EXPECT_THAT(markup, HasSubstr("lm_head: nan"));
  EXPECT_FALSE(are_layered({"lm_head", "norm", "h.0.attn"}));
  EXPECT_TRUE(are_layered({"model.layers.3.mlp.up_proj"}));
}

}  // namespace
}  // namespace peftlab::page
