#include "core/data/records/csv.h"

#include "fixtures.h"

namespace peftlab::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Csv, ReadsQuotesLineEndsAndAByteOrderMark) {
  const auto table = read_csv("\xEF\xBB\xBFname,note\r\na,\"x, \"\"y\"\"\r\nz\"\r\n\r\n,\"\"\nlast,row", "t.csv");
  EXPECT_THAT(table.header, ElementsAre("name", "note"));
  ASSERT_EQ(table.rows.size(), 3u);
  EXPECT_THAT(table.rows[0].fields, ElementsAre("a", "x, \"y\"\r\nz"));
  EXPECT_EQ(table.rows[0].line, 2);
  EXPECT_THAT(table.rows[1].fields, ElementsAre("", ""));
  EXPECT_EQ(table.rows[1].line, 5);
  EXPECT_THAT(table.rows[2].fields, ElementsAre("last", "row"));
}

TEST(Csv, KeepsEmptyFieldsAtBothEnds) {
  const auto table = read_csv("a,b,c\n,,\n1,,", "t.csv");
  EXPECT_THAT(table.rows[0].fields, ElementsAre("", "", ""));
  EXPECT_THAT(table.rows[1].fields, ElementsAre("1", "", ""));
}

TEST(Csv, TakesAnotherDelimiter) {
  EXPECT_THAT(read_csv("a\tb\n1,5\t2", "t.tsv", {'\t', {}, 0}).rows[0].fields, ElementsAre("1,5", "2"));
}

TEST(Csv, FindsTheHeaderBehindDescriptionsAndSkipsRowsBehindIt) {
  const auto table = read_csv("about these data\nb,a\nB,A\n2,1\n", "t.csv", {',', {"a", "b"}, 1});
  EXPECT_THAT(table.header, ElementsAre("b", "a"));
  ASSERT_EQ(table.skipped.size(), 2u);
  EXPECT_EQ(table.skipped[0].line, 1);
  EXPECT_EQ(table.skipped[1].line, 3);
  EXPECT_THAT(table.rows.at(0).fields, ElementsAre("2", "1"));
}

TEST(Csv, NamesEveryRowOfTheWrongWidthAtOnce) {
  const auto message = message_of([] { read_csv("a,b\n1\n1,2\n1,2,3\n", "t.csv"); });
  EXPECT_EQ(message,
            "t.csv:2: 1 fields, expected 2 as in the header ('a', 'b')\n"
            "t.csv:4: 3 fields, expected 2 as in the header ('a', 'b')");
}

TEST(Csv, StopsListingMistakesAtTwenty) {
  std::string text = "a,b\n";
  for (int i = 0; i < 50; ++i) text += "1\n";
  const auto message = message_of([&] { read_csv(text, "t.csv"); });
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 19);
}

TEST(Csv, NamesLineAndByteOfWhatIsNotUtf8) {
  const auto message = message_of([] { read_csv("a,b\n1,\xFF\n\xE8\xB7,3\n", "t.csv"); });
  EXPECT_THAT(message, HasSubstr("t.csv:2: byte 3 of the line (byte 7 of the file) is not UTF-8; save the file as UTF-8"));
  EXPECT_THAT(message, HasSubstr("t.csv:3: byte 1 of the line"));
}

struct Broken {
  const char *text, *message;
};

class BrokenCsv : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenCsv, IsRefusedWithItsLine) {
  EXPECT_THAT(message_of([] { read_csv(GetParam().text, "t.csv"); }), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Csv, BrokenCsv,
    ::testing::Values(Broken{"a,b\n1,x\"y\"\n", "t.csv:2: a quote inside a field that does not begin with one"},
                      Broken{"a,b\n1,\"x\"y\n", "t.csv:2: text behind a closing quote"},
                      Broken{"a,b\n1,2\n3,\"x\ny\n", "t.csv:3: the quote opened here is never closed"},
                      Broken{"a,b\r1,2\r", "t.csv:1: a carriage return without a line feed"},
                      Broken{"a,a\n1,2\n", "t.csv:1: two columns are called 'a'"},
                      Broken{"", "t.csv: no header, the file is empty"}, Broken{"\n\n", "t.csv: no header, the file is empty"}));

TEST(Csv, SaysWhichColumnsItLookedFor) {
  EXPECT_THAT(message_of([] { read_csv("x,y\n1,2\n", "t.csv", {',', {"city", "road"}, 0}); }),
              HasSubstr("t.csv: no header: no row holds all of the columns 'city', 'road'"));
}

}  // namespace
}  // namespace peftlab::data
