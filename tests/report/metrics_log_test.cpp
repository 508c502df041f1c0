#include "core/report/metrics_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "peftlab/error.h"
#include "tests/support/scratch.h"

namespace peftlab::report {
namespace {

using ::testing::HasSubstr;

class MetricsLogTest : public ::testing::Test {
 protected:
  void write(const std::string& text) { std::ofstream(file_, std::ios::binary) << text; }
  std::string forgotten(const std::string& text, int64_t step) {
    write(text);
    MetricsLog(file_).forget_after(step);
    return test::bytes_of(file_);
  }

  test::Scratch folder_;
  std::filesystem::path file_ = folder_.folder() / "metrics.jsonl";
};

TEST_F(MetricsLogTest, WritesOneObjectALineInTheOrderGiven) {
  MetricsLog log(file_);
  log.append({{"step", 1}, {"loss", 0.5}, {"a", "路\n"}});
  EXPECT_EQ(test::bytes_of(file_), "{\"step\":1,\"loss\":0.5,\"a\":\"路\\n\"}\n");  // readable before the log is closed
  log.append({{"step", 2}});
  EXPECT_THAT(test::bytes_of(file_), ::testing::EndsWith("{\"step\":2}\n"));
}

TEST_F(MetricsLogTest, ShowsWhatIsNotFinite) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  MetricsLog(file_).append({{"loss", std::nan("")}, {"more", {kInfinity, -kInfinity, 1.5}}});
  EXPECT_EQ(test::bytes_of(file_), "{\"loss\":\"nan\",\"more\":[\"inf\",\"-inf\",1.5]}\n");
}

TEST_F(MetricsLogTest, BytesThatAreNotUtf8DoNotStopARun) {
  MetricsLog(file_).append({{"text", "a\xff"}});
  EXPECT_EQ(test::bytes_of(file_), "{\"text\":\"a\xef\xbf\xbd\"}\n");
}

TEST_F(MetricsLogTest, ForgetsLaterStepsAndATornLine) {
  const std::string kept = "{\"step\":1}\n{\"note\":\"no step\"}\n{\"step\":2,\"loss\":1}\n";
  EXPECT_EQ(forgotten(kept + "{\"step\":3}\n{\"step\":4}\n", 2), kept);
  EXPECT_EQ(forgotten(kept + "{\"step\":2,\"lo", 2), kept);
  EXPECT_EQ(forgotten(kept + "{\"step\":2,\"lo\n", 2), kept);
  EXPECT_EQ(forgotten("{\"step\":5}\n{\"step\":1}\n", 2), "{\"step\":1}\n");
  EXPECT_EQ(forgotten("", 0), "");
  EXPECT_EQ(forgotten("{\"step\":1}\n", 0), "");
}

TEST_F(MetricsLogTest, GoesOnWithTheFileItCleaned) {
  write("{\"step\":1}\n{\"step\":2}\n");
  MetricsLog log(file_);
  log.forget_after(1);
  log.append({{"step", 2}});
  EXPECT_EQ(test::bytes_of(file_), "{\"step\":1}\n{\"step\":2}\n");
}

TEST_F(MetricsLogTest, ABrokenLineInTheMiddleIsNamed) {
  write("{\"step\":1}\nbroken\n{\"step\":2}\n");
  MetricsLog log(file_);
  try {
    log.forget_after(1);
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("metrics.jsonl:2: expected one JSON object a line"));
  }
}

TEST_F(MetricsLogTest, AFullDiskIsARunError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  EXPECT_THROW(MetricsLog("/dev/full").append({{"step", 1}}), RunError);
  EXPECT_THROW(MetricsLog("/nonexistent/metrics.jsonl"), RunError);
}

}  // namespace
}  // namespace peftlab::report
