#include "core/compare/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/compare/render.h"
#include "peftlab/error.h"
#include "tests/compare/runs.h"

namespace peftlab::compare {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::ThrowsMessage;

constexpr size_t kItems = 200;

/// Three seeds each: "good" and "same" near 90 %, "poor" near 50 %.
std::vector<Run> three_methods() {
  std::vector<Run> runs;
  for (const int64_t seed : {0, 1, 2}) {
    const auto shift = static_cast<size_t>(seed);
    runs.push_back(run_with("poor", seed, right_from(kItems, shift, 100 + shift)));
    runs.push_back(run_with("good", seed, right_from(kItems, shift, 180 + shift)));
    runs.push_back(run_with("same", seed, right_from(kItems, 2 * shift, 179 + shift)));
  }
  return runs;
}

const Row& row(const Comparison& comparison, const std::string& label) {
  for (const auto& row : comparison.rows) {
    if (row.label == label) return row;
  }
  throw std::runtime_error("no row " + label);
}

TEST(Comparison, GathersSeedsAndSortsByScore) {
  const auto c = compare(three_methods(), {});
  ASSERT_THAT(c.rows, SizeIs(3));
  EXPECT_EQ(c.rows[0].label, "good");
  EXPECT_EQ(c.rows[2].label, "poor");
  EXPECT_THAT(c.rows[0].seeds, ElementsAre(0, 1, 2));
  EXPECT_THAT(c.rows[0].seed_means, ElementsAre(0.9, 0.905, 0.91));
  EXPECT_NEAR(c.rows[0].quality->value, 0.905, 1e-12);
  EXPECT_EQ(c.split, "test");
}

TEST(Comparison, TiesAreTiesAndRealDifferencesAreReal) {
  const auto c = compare(three_methods(), {.baseline = "good", .split = ""});
  EXPECT_TRUE(row(c, "same").ties_with_best);
  EXPECT_FALSE(row(c, "poor").ties_with_best);
  EXPECT_FALSE(row(c, "good").is_alone);
  EXPECT_GT(row(c, "same").difference->adjusted_p, 0.05);
  EXPECT_LT(row(c, "poor").difference->adjusted_p, 0.05);
  EXPECT_EQ(row(c, "poor").difference->test, compare::Test::crossed);
  EXPECT_FALSE(row(c, "good").difference);
  EXPECT_THAT(c.notes, Contains(HasSubstr("1 of 2 rows differ from good beyond chance at 5 %: poor")));
  EXPECT_THAT(c.notes, Contains(HasSubstr("same cannot be told from good, the best")));
}

TEST(Comparison, HolmAdjustsAgainstAChosenBaselineAndAllAgainstTheBest) {
  const auto chosen = compare(three_methods(), {.baseline = "good", .split = ""});
  EXPECT_NEAR(row(chosen, "same").difference->adjusted_p, row(chosen, "same").difference->p,
              1e-12);  // the largest: once
  const auto best = compare(three_methods(), {});
  EXPECT_NEAR(row(best, "same").difference->adjusted_p, std::min(1.0, 2.0 * row(best, "same").difference->p), 1e-12);
  EXPECT_NEAR(row(best, "poor").difference->adjusted_p, 2.0 * row(best, "poor").difference->p, 1e-12);
}

TEST(Comparison, BestIsBoldOnlyBeyondChanceAndWithSeeds) {
  auto runs = three_methods();
  std::erase_if(runs, [](const auto& run) { return run.name == "same"; });
  EXPECT_TRUE(compare(runs, {}).rows[0].is_alone);
  EXPECT_THAT(markdown_text(lay_out(compare(runs, {}))), HasSubstr("**90.50**"));
  EXPECT_THAT(markdown_text(lay_out(compare(three_methods(), {}))), Not(HasSubstr("**90.50**")));
  std::erase_if(runs, [](const auto& run) { return run.seed != 0; });
  const auto one = compare(runs, {});
  EXPECT_FALSE(one.rows[0].is_alone);
  EXPECT_FALSE(one.rows[1].ties_with_best);
}

TEST(Comparison, OneSeedSaysSoAndIsTestedExactly) {
  const auto c =
      compare({run_with("good", 0, right_from(kItems, 0, 180)), run_with("poor", 0, right_from(kItems, 0, 170))}, {});
  EXPECT_EQ(row(c, "poor").difference->test, compare::Test::mcnemar);
  EXPECT_NEAR(row(c, "poor").difference->p, 2.0 * std::ldexp(1.0, -10), 1e-12);
  EXPECT_FALSE(row(c, "poor").difference->seeds_known);
  EXPECT_THAT(c.notes, Contains(HasSubstr("one seed each: no interval over seeds can be given")));
}

TEST(Comparison, TwoSeedsAndMixedNumbersOfSeedsAreTold) {
  auto runs = three_methods();
  std::erase_if(runs, [](const auto& run) {
    return (run.name == "good" && run.seed == 2) || (run.name == "same" && run.seed != 1);
  });
  const auto c = compare(runs, {.baseline = "poor", .split = ""});
  EXPECT_THAT(c.notes, Contains(HasSubstr("two seeds only (good)")));
  EXPECT_THAT(c.notes, Contains(HasSubstr("one seed only (same)")));
  EXPECT_TRUE(row(c, "good").difference->seeds_known);
  EXPECT_FALSE(row(c, "same").difference->seeds_known);
}

TEST(Comparison, FailedRunsAreRowsWithTheirReason) {
  auto runs = three_methods();
  auto failed = run_with("poor", 3, {1});
  failed.splits.clear();
  failed.problem = "failed: the loss is not finite";
  auto lost = failed;
  lost.name = "lost";
  lost.settings.clear();
  runs.push_back(failed);
  runs.push_back(lost);
  const auto c = compare(runs, {});
  EXPECT_EQ(c.rows.back().label, "lost");
  EXPECT_FALSE(c.rows.back().quality);
  EXPECT_THAT(row(c, "poor").seeds, SizeIs(3));
  EXPECT_THAT(row(c, "poor").problems, ElementsAre("seed 3: failed: the loss is not finite"));
  const auto text = terminal_text(lay_out(c), 80, /*wide=*/false);
  EXPECT_THAT(text, HasSubstr("lost has no result: seed 3: failed: the loss is not finite"));
  EXPECT_THAT(text, HasSubstr("left out of their rows: poor, seed 3"));
}

TEST(Comparison, NanIsShownNeverAveraged) {
  auto runs = three_methods();
  runs[1].splits["test"].mean = NAN;            // good, seed 0
  runs[4].splits["test"].item_scores[3] = NAN;  // good, seed 1
  const auto c = compare(runs, {});
  EXPECT_THAT(row(c, "good").seeds, ElementsAre(2));
  EXPECT_NEAR(row(c, "good").quality->value, 0.91, 1e-12);
  EXPECT_THAT(row(c, "good").problems, ElementsAre("seed 0: its score on test is not a number",
                                                   HasSubstr("seed 1: a score of an item on test is not a number")));
}

TEST(Comparison, AllFailed) {
  auto run = run_with("poor", 0, {1});
  run.splits.clear();
  run.problem = "failed: no memory";
  const auto c = compare({run}, {});
  EXPECT_FALSE(c.baseline);
  EXPECT_THAT(c.notes, Contains(HasSubstr("no run has a result")));
  const auto layout = lay_out(c);
  for (const auto& text :
       {terminal_text(layout, 80, true), terminal_text(layout, 80, false), markdown_text(layout), latex_text(layout)}) {
    EXPECT_THAT(text, HasSubstr("failed: no memory"));
  }
  EXPECT_THAT(csv_text(c), HasSubstr("failed: no memory"));
  EXPECT_TRUE(to_json(c)["rows"][0]["score"].is_null());
}

TEST(Comparison, WrongBaselinesAreNamed) {
  EXPECT_THAT([] { compare(three_methods(), {.baseline = "god", .split = ""}); },
              ThrowsMessage<ConfigError>(
                  AllOf(HasSubstr("--baseline god: no row of the table has this name"), HasSubstr("good"))));
  auto runs = three_methods();
  auto failed = run_with("lost", 0, {1});
  failed.problem = "failed: x";
  runs.push_back(failed);
  EXPECT_THAT([&] { compare(runs, {.baseline = "lost", .split = ""}); },
              ThrowsMessage<ConfigError>(HasSubstr("has no result to compare with: seed 0: failed: x")));
  runs.push_back(run_with("twin", 0, right_from(kItems, 0, 3)));
  runs.back().method = "good";
  EXPECT_EQ(compare(runs, {.baseline = "good", .split = ""}).rows[0].label, "good");  // a label goes before a method
  EXPECT_THAT([] { compare({}, {}); }, ThrowsMessage<ConfigError>(HasSubstr("there is no run")));
  EXPECT_THAT([&] { compare(runs, {.baseline = "", .split = "dev"}); },
              ThrowsMessage<ConfigError>(HasSubstr("--split dev: no run was evaluated on it")));
}

TEST(Comparison, TheUntrainedModelIsARowWithoutSeeds) {
  auto runs = three_methods();
  for (auto& run : runs)
    run.base_splits["test"] = {0.05, static_cast<int64_t>(kItems), right_from(kItems, 0, 10), "items"};
  const auto c = compare(runs, {.baseline = "base", .split = ""});
  EXPECT_TRUE(row(c, "base").untrained);
  EXPECT_TRUE(row(c, "poor").difference->seeds_known);
  EXPECT_NEAR(row(c, "poor").difference->estimate.value, 0.505 - 0.05, 1e-12);
  EXPECT_THAT(c.notes, Each(Not(HasSubstr("one seed"))));
}

TEST(Comparison, SameNameWithOtherSettingsIsAnotherRow) {
  auto a = run_with("alpha", 0, {1, 0, 1}), b = a;
  a.settings = R"({"train":{"learning_rate":0.001}})";
  b.settings = R"({"train":{"learning_rate":0.002}})";
  const auto c = compare({a, b}, {});
  EXPECT_EQ(c.rows[0].label, "alpha (learning_rate 0.001)");
  EXPECT_EQ(c.rows[1].label, "alpha (learning_rate 0.002)");
}

TEST(Comparison, WithoutItemsTestsUnpairedAndSaysSo) {
  auto a = run_with("alpha", 0, {1}), b = run_with("beta", 0, {1});
  a.splits["test"] = {694.0 / 1319.0, 1319, {}, ""};
  b.splits["test"] = {631.0 / 1319.0, 1319, {}, ""};
  const auto c = compare({a, b}, {});
  EXPECT_EQ(row(c, "beta").difference->test, compare::Test::unpaired);
  EXPECT_NEAR(row(c, "beta").difference->p, 0.01402, 1e-3);
  EXPECT_THAT(c.notes, Contains(HasSubstr("tested unpaired")));
  a.splits["test"].num_items = b.splits["test"].num_items = 0;
  const auto blind = compare({a, b}, {});
  EXPECT_TRUE(std::isnan(row(blind, "beta").difference->p));
  EXPECT_FALSE(row(blind, "beta").interval);
  EXPECT_THAT(blind.notes, Contains(HasSubstr("the number of items is not recorded")));
}

TEST(Comparison, TimesOfSeveralMachinesAreNotCompared) {
  auto runs = three_methods();
  for (auto& run : runs) {
    run.costs.training_seconds = 10.0;
    if (run.name == "poor") run.machine = "Q";
    if (run.name == "same" && run.seed == 1) run.machine = "Q";
  }
  const auto c = compare(runs, {});
  EXPECT_THAT(c.notes, Contains(HasSubstr("runs on 2 machines: times and speeds are not compared")));
  EXPECT_THAT(c.fronts,
              Each(testing::Field(&std::pair<std::string, std::vector<size_t>>::first, Not("training time"))));
  const auto text = terminal_text(lay_out(c), 80, /*wide=*/true);
  EXPECT_THAT(text, AllOf(HasSubstr("M1"), HasSubstr("M2"), HasSubstr("several")));
}

TEST(Comparison, ForgettingHasAnIntervalOverSeedsAndTexts) {
  auto runs = three_methods();
  double change = 0.0;
  for (auto& run : runs) {
    if (run.name == "good") run.forgetting = Forgetting{change += 0.01, change - 0.00196, change + 0.00196};
  }
  const auto c = compare(runs, {});
  const auto& estimate = *row(c, "good").forgetting;
  EXPECT_NEAR(estimate.value, 0.02, 1e-12);
  ASSERT_THAT(estimate.parts, SizeIs(2));
  EXPECT_NEAR(estimate.parts[0].variance, 1e-6, 1e-10);
  EXPECT_NEAR(estimate.parts[1].variance, 1e-4 / 3.0, 1e-12);
  EXPECT_FALSE(row(c, "poor").forgetting);
}

TEST(Comparison, ForgettingCountsTheWindowsOfItsTexts) {
  auto runs = three_methods();
  constexpr double kQuantile31 = 2.0395134;  // of Student's t, 97.5 %
  for (auto& run : runs) {
    if (run.name == "good") run.forgetting = Forgetting{0.02, 0.02 - kQuantile31 * 1e-3, 0.02 + kQuantile31 * 1e-3, 32};
  }
  const auto c = compare(runs, {});
  const auto& estimate = *row(c, "good").forgetting;
  EXPECT_NEAR(estimate.parts[0].variance, 1e-6, 1e-11);
  EXPECT_EQ(estimate.parts[0].degrees_of_freedom, 31.0);
}

TEST(Comparison, SaysWhatItCouldHaveFound) {
  const auto c = compare(three_methods(), {.baseline = "poor", .split = ""});
  ASSERT_TRUE(c.detectable && c.detectable_adjusted);
  EXPECT_GT(*c.detectable, 0.0);
  EXPECT_GT(*c.detectable_adjusted, *c.detectable);
  EXPECT_THAT(c.notes, Contains(HasSubstr("with 80 % power this table finds differences of")));
}

TEST(Comparison, IsTheSameEveryTime) {
  EXPECT_EQ(to_json(compare(three_methods(), {})).dump(), to_json(compare(three_methods(), {})).dump());
}

}  // namespace
}  // namespace peftlab::compare
