#include "core/compare/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "core/report/terminal.h"
#include "tests/compare/runs.h"

namespace peftlab::compare {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<Run> runs() {
  std::vector<Run> all;
  for (const int64_t seed : {0, 1, 2}) {
    const auto shift = static_cast<size_t>(seed);
    for (const auto& [name, right] : {std::pair{"a_rather_long_name_of_an_experiment & more", 180}, {"p|oor", 100}}) {
      all.push_back(run_with(name, seed, right_from(200, shift, static_cast<size_t>(right) + shift)));
      auto& run = all.back();
      run.settings = std::to_string(right);
      run.costs = {134515008, 9822334, 831.6, 133.3, 686051328, {278852258, 9768960, 19538760, 300000000}};
      run.forgetting = Forgetting{0.0017, -0.0022, 0.0056};
      run.base_kept_as = "bf16";
    }
  }
  return all;
}

TEST(Terminal, FitsEightyColumnsAndShowsAllBlocks) {
  const auto text = terminal_text(lay_out(compare(runs(), {})), 80, /*wide=*/false);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(report::display_width(line), 80) << line;
  for (const char* heading : {"score, %", "95 % interval", "diff, pts", "trained", "adapter, MiB", "tokens/s",
                              "train, s", "peak, MiB", "forgetting, nats"}) {
    EXPECT_THAT(text, HasSubstr(heading));
  }
  EXPECT_THAT(text, HasSubstr("<0.001"));
  EXPECT_THAT(text, HasSubstr("134,515,008"));
}

TEST(Terminal, WideIsOneTable) {
  const auto text = terminal_text(lay_out(compare(runs(), {})), 80, /*wide=*/true);
  const auto end = text.find('\n', text.find("score, %"));
  const auto heading = text.substr(0, end);
  EXPECT_THAT(heading, HasSubstr("peak, MiB"));
  EXPECT_THAT(heading, HasSubstr("95 %, pts"));
}

TEST(Terminal, RecordsCannotSteerIt) {
  auto all = runs();
  for (auto& run : all) run.name = "\x1b[31mred\nline";
  all[0].problem = "failed: \x1b[2J";
  const auto text = terminal_text(lay_out(compare(all, {})), 80, false) + markdown_text(lay_out(compare(all, {})));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("red\nline")));
}

TEST(Markdown, HasEqualCellsALineAndEscapes) {
  const auto text = markdown_text(lay_out(compare(runs(), {})));
  std::istringstream lines(text);
  long cells = -1;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("|")) continue;
    long count = std::count(line.begin(), line.end(), '|');
    for (size_t at = line.find("\\|"); at != std::string::npos; at = line.find("\\|", at + 1)) --count;
    if (cells < 0) cells = count;
    EXPECT_EQ(count, cells) << line;
  }
  EXPECT_GT(cells, 10);
  EXPECT_THAT(text, HasSubstr("p\\|oor"));
  EXPECT_THAT(text, HasSubstr("**90.50**"));
}

TEST(Latex, IsBooktabsAndEscapes) {
  const auto text = latex_text(lay_out(compare(runs(), {})));
  for (const char* part :
       {"\\toprule", "\\midrule", "\\bottomrule", "a\\_rather\\_long\\_name\\_of\\_an\\_experiment \\& more",
        "\\textbf{90.50}", "$^{*}$", "score, \\%", "\\textless{}0.001"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_EQ(std::count(text.begin(), text.end(), '{'), std::count(text.begin(), text.end(), '}'));
}

TEST(Csv, QuotesAndKeepsNumbersWhole) {
  auto all = runs();
  all[0].problem = "failed: \"quoted\", with a comma";
  const auto text = csv_text(compare(all, {}));
  EXPECT_THAT(text, HasSubstr("\"seed 0: failed: \"\"quoted\"\", with a comma\""));
  EXPECT_THAT(text, HasSubstr("134515008,9822334,831.6,133.3,686051328,278852258,9768960,19538760,300000000,bf16,P,"));
  EXPECT_THAT(text,
              testing::StartsWith("label,method,num_seeds,num_items,score_mean,score_low_95,score_high_95,difference"));
}

TEST(Json, HoldsRowsTestsFrontsAndRuns) {
  const auto json = to_json(compare(runs(), {}));
  ASSERT_EQ(json["rows"].size(), 2u);
  EXPECT_EQ(json["rows"][0]["seeds"], io::Json({0, 1, 2}));
  EXPECT_EQ(json["rows"][0]["score"]["by_seed"].size(), 3u);
  EXPECT_TRUE(json["rows"][0]["best_beyond_chance"]);
  EXPECT_EQ(json["rows"][1]["difference"]["test"], "paired_over_seeds_and_items");
  EXPECT_LT(json["rows"][1]["difference"]["adjusted_p"], 0.05);
  EXPECT_EQ(json["runs"].size(), 6u);
  EXPECT_FALSE(json["pareto_fronts"].empty());
  EXPECT_EQ(json["baseline_chosen"], false);
}

}  // namespace
}  // namespace peftlab::compare
