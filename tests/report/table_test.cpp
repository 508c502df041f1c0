#include "core/report/table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <sstream>

#include "core/report/human.h"
#include "core/report/terminal.h"

namespace peftlab::report {
namespace {

TEST(Human, BytesHaveThreeDigitsThatCount) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1024), "1.00 KiB");
  EXPECT_EQ(human_bytes(10 * 1024 - 1), "10.0 KiB");
  EXPECT_EQ(human_bytes(1024 * 1024 - 1), "1.00 MiB");
  EXPECT_EQ(human_bytes(uint64_t{2700} << 20), "2.64 GiB");
  EXPECT_EQ(human_bytes(std::numeric_limits<uint64_t>::max()), "16.0 EiB");
}

TEST(Human, SecondsNameTheUnitsThatMatter) {
  EXPECT_EQ(human_seconds(0.0421), "0.042 s");
  EXPECT_EQ(human_seconds(0.9999), "1.0 s");
  EXPECT_EQ(human_seconds(9.96), "10 s");
  EXPECT_EQ(human_seconds(59.6), "1 min 00 s");
  EXPECT_EQ(human_seconds(185), "3 min 05 s");
  EXPECT_EQ(human_seconds(8050), "2 h 14 min");
  EXPECT_EQ(human_seconds(200000), "2 d 07 h");
  EXPECT_EQ(human_seconds(-1), "unknown");
  EXPECT_EQ(human_seconds(std::nan("")), "unknown");
}

TEST(Human, CountsAreGroupedAndSharesKeepNan) {
  EXPECT_EQ(human_count(0), "0");
  EXPECT_EQ(human_count(999), "999");
  EXPECT_EQ(human_count(-1234567), "-1,234,567");
  EXPECT_EQ(human_count(std::numeric_limits<int64_t>::min()), "-9,223,372,036,854,775,808");
  EXPECT_EQ(human_percent(0.98499), "98.50 %");
  EXPECT_EQ(human_percent(1, 0), "100 %");
  EXPECT_EQ(human_percent(std::nan("")), "nan");
}

TEST(Table, PutsNumbersToTheRightAndTextsToTheLeft) {
  Table table({"split", "accuracy, %", "time, s"});
  table.add({"dev", "9.5", "1"});
  table.add({"test 臺", "nan", "1,234"});
  EXPECT_EQ(table.text(80),
            "split    accuracy, %  time, s\n"
            "─────────────────────────────\n"
            "dev              9.5        1\n"
            "test 臺          nan    1,234\n");
}

TEST(Table, FitsAWidthByCuttingTextsAndNeverNumbers) {
  Table table({"output", "score"});
  table.add({"臺北市中正區八德路一段臺北市中正區八德路一段", "12345678"});
  table.add({"short", "1"});
  std::istringstream lines(table.text(30));
  std::string line;
  int count = 0;
  while (std::getline(lines, line)) {
    EXPECT_LE(display_width(line), 30) << line;
    ++count;
  }
  EXPECT_EQ(count, 4);
  EXPECT_NE(table.text(30).find("…"), std::string::npos);
  EXPECT_NE(table.text(3).find("12345678"), std::string::npos);
}

TEST(Table, ACellIsOneLine) {
  Table table({"a"});
  table.add({"x\ny\tz"});
  EXPECT_NE(table.text(80).find("x y z"), std::string::npos);
  EXPECT_TRUE(Table({"a"}).empty());
}

}  // namespace
}  // namespace peftlab::report
