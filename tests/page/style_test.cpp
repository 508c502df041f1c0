// Contrast in light and in dark (WCAG 2.2, 1.4.3 and 1.4.11).
#include "core/page/style.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <regex>
#include <string>

namespace peftlab::page {
namespace {

using Color = std::array<double, 3>;  // 0 to 255

/// The variables of the first or the second ":root".
std::map<std::string, Color> colors(int scheme) {
  const std::string css(style_sheet());
  size_t begin = css.find(":root");
  if (scheme == 1) begin = css.find(":root", begin + 1);
  const std::string block = css.substr(begin, css.find('}', begin) - begin);
  static const std::regex kVariable("--([a-z0-9]+): #([0-9a-f]{6})");
  std::map<std::string, Color> found;
  for (auto it = std::sregex_iterator(block.begin(), block.end(), kVariable); it != std::sregex_iterator(); ++it) {
    const auto number = std::stoul((*it)[2], nullptr, 16);
    found[(*it)[1]] = {static_cast<double>(number >> 16), static_cast<double>(number >> 8 & 255),
                       static_cast<double>(number & 255)};
  }
  return found;
}

double luminance(const Color& color) {
  const double weights[] = {0.2126, 0.7152, 0.0722};
  double sum = 0.0;
  for (size_t i = 0; i < 3; ++i) {
    const double c = color[i] / 255.0;
    sum += weights[i] * (c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4));
  }
  return sum;
}

double contrast(const Color& a, const Color& b) {
  const double x = luminance(a), y = luminance(b);
  return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

Color over(const Color& top, const Color& ground, double share) {
  Color mixed{};
  for (size_t i = 0; i < 3; ++i) mixed[i] = share * top[i] + (1.0 - share) * ground[i];
  return mixed;
}

class Contrast : public testing::TestWithParam<int> {
 protected:
  const std::map<std::string, Color> color = colors(GetParam());
};

TEST_P(Contrast, OfTextsIsFourAndAHalf) {
  ASSERT_EQ(color.size(), 7u + kNumHues);
  for (const char* text : {"ink", "soft", "link"}) {
    for (const char* ground : {"paper", "raised"})
      EXPECT_GE(contrast(color.at(text), color.at(ground)), 4.5) << text << " on " << ground;
  }
}

TEST_P(Contrast, OfSeriesIsThree) {
  for (int i = 0; i < kNumHues; ++i)
    EXPECT_GE(contrast(color.at("s" + std::to_string(i)), color.at("paper")), 3.0) << i;
}

TEST_P(Contrast, OfTextInCellsAndBarsIsFourAndAHalf) {
  for (const double share : {0.0, 0.35, kHeatMost}) {
    EXPECT_GE(contrast(color.at("ink"), over(color.at("heat"), color.at("paper"), share)), 4.5) << share;
  }
  for (int i = 0; i < kNumHues; ++i) {
    EXPECT_GE(contrast(color.at("ink"), over(color.at("s" + std::to_string(i)), color.at("paper"), 0.3)), 4.5) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Scheme, Contrast, testing::Values(0, 1),
                         [](const auto& info) { return info.param == 0 ? "light" : "dark"; });

}  // namespace
}  // namespace peftlab::page
