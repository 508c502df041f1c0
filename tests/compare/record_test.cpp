#include "core/compare/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/compare/items.h"
#include "core/compare/json_skim.h"
#include "core/compare/learning_curve.h"
#include "tests/compare/runs.h"

namespace peftlab::compare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class Record : public testing::Test {
 protected:
  compare::Run read(const io::Json& record, const std::string& predictions = "") {
    write(folder_.folder() / "run.json", record.dump(2));
    if (!predictions.empty()) write(folder_.folder() / "predictions.jsonl", predictions);
    return read_run(folder_.folder());
  }

  test::Scratch folder_;
};

TEST_F(Record, IsReadWhole) {
  write(folder_.folder() / "adapter" / "adapter_model.safetensors", std::string(300, 'x'));
  const auto run = read(record("alpha", 2, 0.5, 4), predictions({1, 0, 0.5, 0.5}));
  EXPECT_EQ(run.problem, "");
  EXPECT_THAT(run.warnings, IsEmpty());
  EXPECT_EQ(run.name, "alpha");
  EXPECT_EQ(run.method, "alpha");
  EXPECT_EQ(run.seed, 2);
  EXPECT_EQ(run.splits.at("test").mean, 0.5);
  EXPECT_THAT(run.splits.at("test").item_scores, ElementsAre(1, 0, 0.5, 0.5));
  EXPECT_EQ(run.costs.num_trainable, 1000);
  EXPECT_EQ(run.costs.adapter_bytes, 300);
  EXPECT_EQ(run.costs.peak_memory_bytes, 1048576);
  EXPECT_EQ(run.costs.memory.weights, 304000);
  EXPECT_EQ(run.costs.memory.gradients, 4000);
  EXPECT_EQ(run.costs.memory.optimizer, 8000);
  EXPECT_EQ(run.costs.memory.activations, 332576);
  EXPECT_EQ(run.costs.training_seconds, 50.0);
  EXPECT_EQ(run.forgetting->mean, 0.01);
  EXPECT_EQ(run.forgetting->high, 0.03);
  EXPECT_EQ(run.base_kept_as, "bf16");
}

TEST_F(Record, MayHoldTheScoresItself) {
  auto json = record("alpha", 0, 0.75, 4);
  json["results"]["tuned"]["test"]["item_scores"] = "1101";
  EXPECT_THAT(read(json).splits.at("test").item_scores, ElementsAre(1, 1, 0, 1));
  json["results"]["tuned"]["test"]["item_scores"] = {1.0, 0.5, 0.5, 1.0};
  EXPECT_THAT(read(json).splits.at("test").item_scores, ElementsAre(1, 0.5, 0.5, 1));
}

TEST_F(Record, NamesTheItemsAsPredictionsDo) {
  const auto lines = predictions({1, 0, 0.5, 0.5});
  auto json = record("alpha", 0, 0.5, 4);
  const auto from_lines = read(json, lines).splits.at("test").items;
  ItemsKey key;
  for (int i = 0; i < 4; ++i) key.add(io::Json(7 * i).dump(), io::Json("r \"" + std::to_string(i)).dump());
  EXPECT_EQ(key.text(), from_lines);
  json["results"]["tuned"]["test"]["items"] = "4 items, 1";
  json["results"]["tuned"]["test"]["item_scores"] = "1100";
  EXPECT_EQ(read(json).splits.at("test").items, "4 items, 1");
}

TEST_F(Record, IsReadWithoutItsPredictionsWhereItHoldsTheScores) {
  auto json = record("alpha", 0, 0.75, 4);
  json["results"]["tuned"]["test"]["item_scores"] = "1101";
  const auto run = read(json, "this is no prediction\n");
  EXPECT_THAT(run.warnings, IsEmpty());
  EXPECT_THAT(run.splits.at("test").item_scores, ElementsAre(1, 1, 0, 1));
}

TEST_F(Record, SaysWhatWasScoredAndUnderWhichConditions) {
  auto json = record("alpha", 0, 0.5, 4);
  const auto alone = read(json);
  EXPECT_EQ(alone.metric, "");
  EXPECT_EQ(alone.forgetting->num_windows, 0);
  EXPECT_THAT(alone.machine, Not(HasSubstr("at once")));
  json["data"]["metric"] = "exact_match";
  json["results"]["forgetting"]["texts"][1]["num_windows"] = 32;
  json["machine"]["runs_at_once"] = 2;
  const auto beside = read(json);
  EXPECT_EQ(beside.metric, "exact_match");
  EXPECT_EQ(beside.forgetting->num_windows, 32);
  EXPECT_THAT(beside.machine, HasSubstr("2 threads, 2 runs at once, cpu"));
}

TEST_F(Record, SaysHowTheBaseWasKept) {
  auto json = record("alpha", 0, 0.5, 4);
  json["model"]["quantized"] = {{"type", "nf4"}};
  EXPECT_EQ(read(json).base_kept_as, "nf4");
}

TEST_F(Record, SeedAndProseDoNotMakeOtherSettings) {
  auto a = record("alpha", 0, 0.5, 4), b = record("alpha", 1, 0.5, 4);
  b["experiment"]["about"] = "something else";
  EXPECT_EQ(run_of(a, "a").settings, run_of(b, "b").settings);
  b["experiment"]["train"]["epochs"] = 4;
  EXPECT_NE(run_of(a, "a").settings, run_of(b, "b").settings);
}

TEST_F(Record, MissingIsARowWithItsReason) {
  EXPECT_THAT(read_run(folder_.folder() / "nowhere").problem, HasSubstr("has no run.json"));
}

TEST_F(Record, BrokenIsARowWithItsPlace) {
  write(folder_.folder() / "run.json", "{\"name\": \"alpha\",\n \"seed\": }");
  const auto run = read_run(folder_.folder());
  EXPECT_THAT(run.problem, HasSubstr("cannot be read: "));
  EXPECT_THAT(run.problem, HasSubstr("run.json:2:10"));
  EXPECT_NE(run.name, "");
}

TEST_F(Record, TruncatedAtAnyByteIsNeverAResult) {
  const auto text = record("alpha", 0, 0.5, 4).dump();
  for (size_t length = 0; length < text.size(); length += 13) {
    write(folder_.folder() / "run.json", text.substr(0, length));
    EXPECT_THAT(read_run(folder_.folder()).problem, HasSubstr("cannot be read")) << length;
  }
}

TEST_F(Record, NewerVersionIsNotGuessedAt) {
  auto json = record("alpha", 0, 0.5, 4);
  json["result_version"] = kNewestResultVersion + 1;
  const auto run = read(json);
  EXPECT_THAT(run.problem,
              HasSubstr("written by a newer peftlab (result version " + std::to_string(kNewestResultVersion + 1) +
                        ", this one knows " + std::to_string(kNewestResultVersion) + ")"));
  EXPECT_THAT(run.splits, IsEmpty());
}

TEST_F(Record, OtherJsonIsNoRecord) {
  EXPECT_THAT(read({{"name", "x"}}).problem, HasSubstr("it has no result_version"));
  write(folder_.folder() / "run.json", "[1, 2]");
  EXPECT_THAT(read_run(folder_.folder()).problem, HasSubstr("it has no result_version"));
}

TEST_F(Record, UnfinishedRunsSayWhatHappened) {
  auto json = record("alpha", 0, 0.5, 4);
  json["status"] = "failed";
  json["reason"] = "the loss is not finite at step 4";
  EXPECT_EQ(read(json).problem, "failed: the loss is not finite at step 4");
  EXPECT_THAT(read(json).splits, IsEmpty());
  json.erase("reason");
  EXPECT_EQ(read(json).problem, "failed: run.json does not say why");
  json["status"] = "interrupted";
  EXPECT_THAT(read(json).problem, HasSubstr("interrupted; the command that began it goes on"));
  json["status"] = "running";
  EXPECT_THAT(read(json).problem, HasSubstr("still running, or killed"));
  json["status"] = "odd";
  EXPECT_THAT(read(json).problem, HasSubstr("its status is 'odd', expected finished"));
}

TEST_F(Record, FinishedWithoutAScoreSaysSo) {
  auto json = record("alpha", 0, 0.5, 4);
  json["results"].erase("tuned");
  EXPECT_EQ(read(json).problem, "finished, but its record holds no score");
}

TEST_F(Record, NanStaysNan) {
  auto json = record("alpha", 0, 0.5, 4);
  json["results"]["tuned"]["test"]["accuracy"] = nullptr;
  EXPECT_TRUE(std::isnan(read(json).splits.at("test").mean));
}

TEST_F(Record, WithoutPredictionsTheMeanRemains) {
  const auto run = read(record("alpha", 0, 0.5, 4));
  EXPECT_THAT(run.warnings, ElementsAre(HasSubstr("has no predictions.jsonl")));
  EXPECT_EQ(run.splits.at("test").mean, 0.5);
}

TEST_F(Record, PredictionsOfAnotherRunAreLeftOut) {
  const auto run = read(record("alpha", 0, 0.5, 4), predictions({1, 1, 1, 0}));
  EXPECT_THAT(run.warnings, ElementsAre(HasSubstr("do not add up to its accuracy")));
  EXPECT_THAT(run.splits.at("test").item_scores, IsEmpty());
}

TEST_F(Record, BrokenPredictionsAreToldByLine) {
  const auto good = predictions({1, 0, 0, 1});
  const std::vector<std::pair<std::string, std::string>> cases = {
      {good.substr(0, good.size() - 20), ":4: expected one prediction"},
      {good + "rubbish\n", ":5: expected one prediction"},
      {"{\"split\":\"test\",\"item\":0,\"score\":1.5}\n", ":1: score 1.5; expected a number from 0 to 1"},
      {"{\"split\":\"test\",\"item\":0,\"score\":\"x\"}\n", ":1: score \"x\"; expected a number"},
      {"{\"split\":\"test\",\"item\":3,\"score\":1}\n", ":1: item 3 stands where 0 is expected"}};
  for (const auto& [text, message] : cases) {
    EXPECT_THAT(read(record("alpha", 0, 0.5, 4), text).warnings, ElementsAre(HasSubstr(message)));
  }
}

TEST(JsonSkim, FindsFieldsAroundQuotesAndBrackets) {
  std::vector<std::string> seen;
  const auto collect = [&](std::string_view key, std::string_view value) {
    seen.push_back(std::string(key) + "=" + std::string(value));
    return true;
  };
  EXPECT_TRUE(for_each_field(R"( {"a": "x\"},{", "b":[1,{"c":"]"}] ,"d": -1.5e3 , "\\": {}} )", collect));
  EXPECT_THAT(seen, ElementsAre("a=\"x\\\"},{\"", "b=[1,{\"c\":\"]\"}]", "d=-1.5e3", "\\\\={}"));
  EXPECT_TRUE(for_each_field("{}", collect));
}

TEST(JsonSkim, RefusesWhatIsNotOneObject) {
  const auto ignore = [](std::string_view, std::string_view) { return true; };
  for (const char* text : {"", "[1]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":\"x}", "{\"a\":1,}", "{\"a\":1}{",
                           "{a:1}", "{\"a\":\"\\\"}"}) {
    EXPECT_FALSE(for_each_field(text, ignore)) << text;
  }
}

TEST(JsonSkim, LeavesFieldsOutAtDepth) {
  EXPECT_EQ(without_fields(R"({"a": {"drop": [1, {}], "b": 2}, "drop": "x"})", {"drop"}), R"({"a":{"b":2}})");
  EXPECT_EQ(without_fields("{broken", {"drop"}), "{broken");
}

TEST(JsonSkim, BearsDepthWithoutEnd) {
  std::string deep;
  for (int i = 0; i < 200000; ++i) deep += "{\"a\":";
  EXPECT_EQ(without_fields(deep, {"drop"}), deep);
}

TEST(LearningCurve, AddsUpTokens) {
  test::Scratch folder;
  write(folder.folder() / "metrics.jsonl",
        "{\"step\":1,\"loss_task\":0.5,\"loss\":0.6,\"num_useful_tokens\":100,\"seconds\":2.0}\n"
        "{\"step\":1,\"dev_loss\":0.4}\n"
        "{\"step\":2,\"loss_task\":\"nan\",\"num_useful_tokens\":50,\"seconds\":1.0}\n"
        "rubbish\n"
        "{\"step\":2,\"loss_task\":0.1,\"num_useful_tokens\":50}\n"
        "{\"step\":3,\"loss_task\":0.1,\"num_use");
  const auto curve = read_learning_curve(folder.folder() / "metrics.jsonl");
  ASSERT_THAT(curve.points, SizeIs(2));
  EXPECT_EQ(curve.points[0].task_loss, 0.5);
  EXPECT_EQ(curve.points[1].num_useful_tokens, 150);
  EXPECT_EQ(curve.points[1].training_seconds, 3.0);
  EXPECT_TRUE(std::isnan(curve.points[1].task_loss));
  EXPECT_THAT(curve.warnings, ElementsAre(HasSubstr("metrics.jsonl:4: expected one JSON object"),
                                          HasSubstr("step 2 stands behind step 2")));
  EXPECT_THROW(read_learning_curve(folder.folder() / "nowhere"), ConfigError);
}

}  // namespace
}  // namespace peftlab::compare
