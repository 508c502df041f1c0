#include "core/study/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peftlab::study {
namespace {

using std::chrono::seconds;

TEST(Progress, TellsPhaseCountAndTimeLeft) {
  Progress progress;
  const Progress::Clock::time_point begin{seconds(1000)};
  EXPECT_EQ(progress.text(begin), "starts");
  EXPECT_TRUE(progress.take(R"({"phase": "trains", "total": 240})", begin));
  EXPECT_EQ(progress.text(begin), "trains  0/240");
  // Resumed at step 40: the first 40 took no time.
  EXPECT_TRUE(progress.take(R"({"done": 40, "details": "loss 0.1"})", begin));
  EXPECT_EQ(progress.text(begin), "trains  40/240  loss 0.1");
  EXPECT_TRUE(progress.take(R"({"done": 90, "details": "loss 0.1"})", begin + seconds(10)));
  EXPECT_EQ(progress.text(begin + seconds(10)), "trains  90/240  loss 0.1  30 s left");
  EXPECT_TRUE(progress.take(R"({"phase": "loads the model", "total": 0})", begin));
  EXPECT_EQ(progress.text(begin), "loads the model");
}

TEST(Progress, OtherLinesAreNone) {
  Progress progress;
  for (const char* line :
       {"", "peftlab: no such file", "{", "[1]", "{\"step\": 1}", "{\"done\": "}) {
    EXPECT_FALSE(progress.take(line)) << line;
  }
  EXPECT_TRUE(progress.take(R"({"note": "x"})"));
  EXPECT_EQ(progress.text(), "starts");
  EXPECT_TRUE(progress.take(R"({"phase": 3, "total": -1})"));
  EXPECT_TRUE(progress.take(R"({"done": "many"})"));
  EXPECT_EQ(progress.text(), "3");
}

}  // namespace
}  // namespace peftlab::study
