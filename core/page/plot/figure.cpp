#include "core/page/plot/figure.h"

namespace peftlab::page {
namespace {

Html sign_of(const LegendEntry& entry) {
  const auto color = hue(entry.series);
  switch (entry.sign) {
    case Sign::marker:
      return marker({8, 7}, entry.series);
    case Sign::dashes:
      return path(
          "M0 7H30",
          {{"class", "series " + color}, {"stroke", "currentColor"}, {"stroke-dasharray", dashes(entry.series)}});
    case Sign::swatch:
      return path("M1 1H13V13H1Z",
                  {{"class", color}, {"stroke", "currentColor"}, {"fill", "currentColor"}, {"fill-opacity", "0.3"}});
  }
  return {};
}

}  // namespace

Html drawn(const Figure& figure) {
  const auto svg = element("svg",
                           {{"class", "plot"},
                            {"role", "img"},
                            {"aria-label", figure.title + ". " + figure.description},
                            {"viewBox", "0 0 " + coordinate(kPlotWidth) + " " + coordinate(figure.height)}},
                           element("title", figure.title) + element("desc", figure.description) + figure.drawing);
  Html content = element("figcaption", figure.title) + svg;
  if (!figure.numbers.rows.empty()) content += folded("the numbers", table(figure.numbers));
  return element("figure", content);
}

Html legend(const std::vector<LegendEntry>& entries) {
  Html items;
  for (const auto& entry : entries) {
    const Attributes size = {
        {"width", entry.sign == Sign::dashes ? "30" : "16"}, {"height", "14"}, {"aria-hidden", "true"}};
    items += element("li", element("svg", size, sign_of(entry)) + element("span", entry.label));
  }
  return element("ul", {{"class", "legend"}}, items);
}

Html side_by_side(const std::vector<Html>& figures) {
  Html all;
  for (const auto& figure : figures) all += figure;
  return element("div", {{"class", "plots"}}, all);
}

}  // namespace peftlab::page
