#include "core/data/metric.h"

#include "fixtures.h"

namespace peftlab::data {
namespace {

using ::testing::HasSubstr;

const AnswerRule kJson = {{"}"}, true, "exact_match_json"};
const AnswerRule kText = {{"\n", "<end>"}, false, "exact_match"};
const char kReference[] = R"({"city": "臺北市", "town": "中正區"})";

TEST(Metric, AnswerEndsAtTheFirstStopString) {
  EXPECT_EQ(read_answer(kJson, " {\"a\": 1} and {\"b\": 2}"), "{\"a\": 1}");
  EXPECT_EQ(read_answer(kText, " yes <end> no\n"), "yes");
  EXPECT_EQ(read_answer(kText, "plain"), "plain");
}

TEST(Metric, ObjectsAreEqualWhateverTheOrderAndTheSpaces) {
  EXPECT_EQ(score_answer(kJson, "{\"town\":\"中正區\",\n \"city\":\"臺北市\"}<end>", kReference).value, 1);
  EXPECT_EQ(score_answer(kJson, kReference, kReference).reason, "");
}

TEST(Metric, WhatIsWrongIsSaid) {
  const auto reason = [](const char* generated) {
    const Score score = score_answer(kJson, generated, kReference);
    EXPECT_EQ(score.value, 0);
    return score.reason;
  };
  EXPECT_EQ(reason(R"({"city": "臺北市", "town": "大安區"})"), "wrong field 'town': got '大安區', expected '中正區'");
  EXPECT_EQ(reason(R"({"city": "臺北市"})"), "no field 'town'");
  EXPECT_EQ(reason(R"({"city": "臺北市", "town": "中正區", "road": "x"})"), "field 'road' is not asked for");
  EXPECT_EQ(reason("I do not know"), "not JSON: 'I do not know'");
  EXPECT_EQ(reason("so: {\"city\": 1}"), "not JSON: 'so: {\"city\": 1}'");
  EXPECT_EQ(reason("{\"city\": \"臺北市\", \"town"), "not JSON: '{\"city\": \"臺北市\", \"town'");
  EXPECT_EQ(reason("  "), "empty answer");
  EXPECT_EQ(reason("\xE8\xB7"), "not UTF-8");
  EXPECT_EQ(reason("3"), "wrong value: got '3', expected '{\"city\": \"臺北市\", \"town\": \"中正區\"}'");
}

TEST(Metric, TextIsComparedWithoutSpaceAtItsEnds) {
  EXPECT_EQ(score_answer(kText, " yes\nmore", "yes").value, 1);
  EXPECT_EQ(score_answer(kText, "Yes", "yes").reason, "got 'Yes', expected 'yes'");
  EXPECT_EQ(score_answer(kText, "", "yes").reason, "empty answer");
}

TEST(Metric, OnlyLossNeedsNoGeneration) {
  EXPECT_FALSE(needs_generation("loss"));
  EXPECT_TRUE(needs_generation("exact_match"));
  EXPECT_TRUE(needs_generation("exact_match_json"));
  EXPECT_FALSE(needs_generation("no such metric"));
}

}  // namespace
}  // namespace peftlab::data
