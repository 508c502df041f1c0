#include "core/compare/likeness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/compare/find_runs.h"
#include "core/compare/record.h"
#include "tests/compare/runs.h"

namespace peftlab::compare {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Property;
using testing::SizeIs;
using testing::ThrowsMessage;

Run changed(const char* pointer, const io::Json& value) {
  auto json = record("beta", 0, 0.5, 4);
  json[io::Json::json_pointer(pointer)] = value;
  return run_of(json, "nowhere");
}

TEST(Likeness, RefusesWhateverWouldBeUnfair) {
  const auto first = run_of(record("alpha", 0, 0.5, 4), "nowhere");
  const std::vector<std::tuple<const char*, io::Json, const char*>> cases = {
      {"/hashes/model", "m2", "source weights: m1 \\(alpha\\), m2 \\(beta\\)"},
      {"/hashes/data", "d2", "data: d1"},
      {"/hashes/task", "t2", "task, with its metric: t1"},
      {"/hashes/format", "f2", "template: f1"},
      {"/hashes/tokenizer", "k2", "tokenizer: k1"},
      {"/experiment/evaluate/max_items/test", 3, "evaluation items: "},
      {"/experiment/evaluate/max_new_tokens", 32, "decoding, new tokens at most: 96 \\(alpha\\), 32 \\(beta\\)"},
      {"/result_version", 0, "result version: 1 \\(alpha\\), 0 \\(beta\\)"}};
  for (const auto& [pointer, value, message] : cases) {
    const auto other = changed(pointer, value);
    EXPECT_THAT(
        [&] {
          require_alike({first, other});
        },
        ThrowsMessage<ConfigError>(
            AllOf(HasSubstr("not alike"), testing::ContainsRegex(message), HasSubstr("--by group"))))
        << pointer;
  }
}

TEST(Likeness, ListsEveryDifference) {
  auto json = record("beta", 0, 0.5, 4);
  json["hashes"]["model"] = "m2";
  json["hashes"]["data"] = "d2";
  EXPECT_THAT(unlike({run_of(record("alpha", 0, 0.5, 4), "a"), run_of(json, "b")}), SizeIs(2));
}

TEST(Likeness, AllowsWhatMayDifferAndTellsIt) {
  const auto first = run_of(record("alpha", 0, 0.5, 4), "nowhere");
  for (const char* pointer : {"/machine/processor", "/numbers/base_type", "/peftlab", "/experiment/train/epochs"}) {
    const auto other = changed(pointer, "other");
    EXPECT_NO_THROW(require_alike({first, other})) << pointer;
    EXPECT_THAT(mixed({first, other}), Not(IsEmpty())) << pointer;
  }
  EXPECT_THAT(mixed({first, changed("/experiment/train/epochs", 5)}),
              ElementsAre(testing::ResultOf(described, "train.epochs: 3.0 (alpha), 5 (beta)")));
}

TEST(Likeness, ComparesTheItemsThemselves) {
  auto a = run_with("alpha", 0, {1, 0}), b = run_with("beta", 0, {1, 0});
  b.splits["test"].items = "others";
  EXPECT_THAT(
      [&] {
        require_alike({a, b});
      },
      ThrowsMessage<ConfigError>(HasSubstr("items of test: items (alpha), others (beta)")));
  EXPECT_THAT(split_alike({a, b, a}), ElementsAre(SizeIs(2), SizeIs(1)));
}

TEST(Likeness, SplitsIntoGroupsAndLosesNothing) {
  auto a = run_with("alpha", 0, {1, 0}), b = run_with("beta", 0, {1, 0}), broken = compare::Run{};
  b.must_agree = {{"data", "d2"}};
  broken.problem = "cannot be read";
  const auto groups = split_alike({a, b, broken, a, b});
  ASSERT_THAT(groups, ElementsAre(SizeIs(3), SizeIs(2)));
  EXPECT_EQ(groups[0][2].problem, "cannot be read");
  EXPECT_NO_THROW(require_alike(groups[0]));
}

TEST(FindRuns, SearchesFolders) {
  test::Scratch folder;
  for (const char* name : {"b/seed0", "a/seed0", "a/seed1"}) {
    write(folder.folder() / name / "run.json", record(std::string(1, name[0]), name[6] - '0', 0.5, 4).dump());
  }
  write(folder.folder() / "crashed" / "metrics.jsonl", "");
  write(folder.folder() / "unrelated" / "notes.json", "{}");
  const auto found =
      find_runs({folder.folder(), folder.folder() / "a" / "seed0", folder.folder() / "b" / "seed0" / "run.json"});
  ASSERT_THAT(found.runs, SizeIs(4));
  EXPECT_EQ(found.runs[0].name, "a");
  EXPECT_EQ(found.runs[1].seed, 1);
  EXPECT_EQ(found.runs[2].name, "b");
  EXPECT_THAT(found.runs[3].problem, HasSubstr("has no run.json"));
  EXPECT_THAT(found.notes, IsEmpty());
}

TEST(FindRuns, SaysWhereThereIsNothing) {
  test::Scratch folder;
  EXPECT_THAT([&] { find_runs({folder.folder()}); },
              ThrowsMessage<ConfigError>(HasSubstr("no runs found; expected folders with run.json")));
  EXPECT_THAT([&] { find_runs({folder.folder() / "x"}); },
              ThrowsMessage<ConfigError>(HasSubstr("x: no such file or folder")));
}

TEST(FindRuns, OfRepeatsTheNewestFinishedCounts) {
  auto old = run_with("alpha", 0, {1, 0}), newer = old, failed = old;
  old.started = "2026-01-01";
  newer.started = "2026-02-01";
  newer.source = "newer";
  failed.started = "2026-03-01";
  failed.problem = "failed: no room";
  const auto result = without_repeats({failed, old, newer});
  ASSERT_THAT(result.runs, SizeIs(1));
  EXPECT_EQ(result.runs[0].source, "newer");
  EXPECT_THAT(result.notes, ElementsAre(HasSubstr("2 records are of a run that stands there already")));
}

TEST(FindRuns, RepeatsThatContradictAreTold) {
  const auto result = without_repeats({run_with("alpha", 0, {1, 0}), run_with("alpha", 0, {1, 1})});
  EXPECT_THAT(result.notes, ElementsAre(HasSubstr("1 record is"), HasSubstr("the same run with different scores")));
}

TEST(FindRuns, SeedsAndBrokenRecordsAreNoRepeats) {
  compare::Run broken;
  broken.problem = "cannot be read";
  EXPECT_THAT(without_repeats({run_with("alpha", 0, {1, 0}), run_with("alpha", 1, {1, 0}), broken, broken}).runs,
              SizeIs(4));
}

}  // namespace
}  // namespace peftlab::compare
