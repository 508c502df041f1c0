#include "core/data/report/report.h"

#include <sstream>

#include "core/data/records/characters.h"
#include "core/data/report/report_text.h"
#include "fixtures.h"

namespace peftlab::data {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// The widest line, colours apart.
int widest(const std::string& text) {
  int widest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    for (const char* escape : {"\x1b[32m", "\x1b[0m"}) {
      for (size_t at; (at = line.find(escape)) != std::string::npos;) line.erase(at, std::string(escape).size());
    }
    widest = std::max(widest, display_width(line));
  }
  return widest;
}

class Report : public ::testing::Test {
 protected:
  Report() : task_(load_task(shipped_task("roads_csv.json"), golden("dirty_roads.csv"))) {
    task_.split.sizes = {{"train", 3}, {"dev", 2}, {"test", 5}};
    dataset_ = prepare(task_, {.full_account = true});
    tokens_.format = &format_;
    tokens_.model = "toy";
    for (const auto& split : dataset_.splits) tokens_.splits.emplace_back(split.name, make_examples(split.conversations, format_));
  }
  std::string text(bool with_tokens, const ReportStyle& style = {}) const {
    std::ostringstream out;
    print_report(out, task_, dataset_, with_tokens ? &tokens_ : nullptr, style);
    return out.str();
  }

  Task task_;
  Dataset dataset_;
  ToyFormat format_;
  TokenisedSplits tokens_;
};

TEST_F(Report, AccountsForEveryRecord) {
  const std::string report = text(false);
  EXPECT_THAT(report, HasSubstr("read        21 records"));
  EXPECT_THAT(report, HasSubstr("left        12 after cleaning, 10 without duplicates"));
  EXPECT_THAT(report, HasSubstr("        2  field 'town': does not begin with {city}\n    line 3: "));
  EXPECT_THAT(report, HasSubstr("        2  duplicate of an earlier record\n    line 6: "));
  EXPECT_THAT(report, HasSubstr("passed over 1 description row"));
  EXPECT_THAT(report, HasSubstr("split       test: 5 conversations"));
  EXPECT_THAT(report, HasSubstr("  assistant: {\"city\": "));
}

TEST_F(Report, ShowsEveryCharacterAndMarksTheSuspicious) {
  const std::string report = text(false);
  EXPECT_THAT(report, HasSubstr("! U+E000      Co        1        0  private use"));
  EXPECT_THAT(report, HasSubstr("! U+3000      Zs        2        0  space that is not U+0020"));
  EXPECT_THAT(report, HasSubstr("!U+003F  ?  Po         1"));
  EXPECT_THAT(report, HasSubstr(" U+27BFD 𧯽 Lo         1"));
  for (const auto& count : dataset_.characters) EXPECT_THAT(report, HasSubstr(code_point_name(count.character)));
}

TEST_F(Report, KeepsTheWidth) {
  for (const int width : {80, 60, 120}) {
    EXPECT_LE(widest(text(false, {false, width, 2})), width);
    EXPECT_LE(widest(text(true, {false, width, 2})), width);
    EXPECT_LE(widest(text(true, {true, width, 2})), width);
  }
}

TEST_F(Report, PreviewsTextAndIdsWithTheTrainedOnesMarked) {
  const auto set = make_examples({talk({{"user", "a\nb"}, {"assistant", "路"}}, 5)}, format_);
  std::ostringstream out;
  print_preview(out, set.examples[0], format_, {});
  EXPECT_EQ(out.str(),
            "  record 5: 26 tokens, 4 trained, BOS 0, EOS 2\n"
            "    <s>user:a⏎\n"
            "    b<e>⏎\n"
            "    <s>assistant:«路<e>»\n"
            "    256 117 115 101 114 58 97 10 98 257 10 256 97 115 115 105 115 116 97 110 \n"
            "    116 58 «232 183 175 257» \n");
  std::ostringstream colour;
  print_preview(colour, set.examples[0], format_, {.colour = true});
  EXPECT_THAT(colour.str(), HasSubstr("\x1b[32m路<e>\x1b[0m"));
  EXPECT_THAT(colour.str(), Not(HasSubstr("«")));
}

TEST_F(Report, LengthsTruncationsAndSeamsAreCounted) {
  std::ostringstream out;
  TokenisedSplits tokens = {&format_, "toy", {30, TrainOn::answer}, {}};
  tokens.splits.emplace_back("train", make_examples({talk({{"user", "a"}, {"assistant", "{}"}}),
                                                     talk({{"user", "b"}, {"assistant", "yes and no"}})},
                                                    format_, tokens.options));
  print_lengths(out, tokens, {});
  EXPECT_THAT(out.str(), HasSubstr("train, whole             22       22       31       31           53\n"));
  EXPECT_THAT(out.str(), HasSubstr("1 example truncated to 30 tokens"));
  EXPECT_THAT(out.str(), HasSubstr("1 seam where answer and"));
  EXPECT_THAT(out.str(), HasSubstr("0 turn ends added, the first 6"));
  EXPECT_THAT(out.str(), HasSubstr("with 257 <e>"));
}

TEST(ReportText, GroupsDigitsAndPadsWideCharacters) {
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(-1234), "-1,234");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(left("路", 4), "路  ");
  EXPECT_EQ(right("路", 4), "  路");
}

}  // namespace
}  // namespace peftlab::data
