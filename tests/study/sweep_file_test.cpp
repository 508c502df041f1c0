#include "core/study/sweep_file.h"

#include "tests/study/toys.h"

namespace peftlab::study {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

class SweepFiles : public Toys {
 protected:
  void SetUp() override {
    Toys::SetUp();
    put("other.json", experiment(4));
  }
  SweepFile read(const std::string& text) const { return read_sweep_file(put("sweep.json", text)); }
  std::string mistakes(const std::string& text) const {
    return test::message_of<ConfigError>([&] { read(text); });
  }
  static std::string with(const std::string& space,
                          const std::string& budget = R"("budget": {"trials": 2, "steps": 5})") {
    return R"({"about": "why", "experiment": ["toy.json", "other.json"], "space": )" + space + ", " + budget + "}";
  }
};

TEST_F(SweepFiles, AreReadWhole) {
  const auto sweep =
      read(R"({"about": "why", "experiment": ["toy.json", "other.json"], "search": "successive_halving", "seed": 3,
    "space": {"/train/learning_rate": {"log_uniform": [1e-4, 1e-2]}, "other": {"/method/rank": {"values": [2, 4]},
    "/train/learning_rate": {"uniform": [1, 2]}}},
    "budget": {"trials": 9, "epochs": 1.5, "eta": 2, "rungs": 3}, "metric": "exact_match"})");
  EXPECT_EQ(sweep.name, "sweep");
  ASSERT_THAT(sweep.experiments, SizeIs(2));
  ASSERT_THAT(sweep.experiments[0].space, SizeIs(1));
  EXPECT_EQ(sweep.experiments[0].space[0].high, 1e-2);
  // Its own range counts more than the one for all.
  ASSERT_THAT(sweep.experiments[1].space, SizeIs(2));
  EXPECT_EQ(sweep.experiments[1].space[1].high, 2.0);
  EXPECT_EQ(sweep.search, Search::successive_halving);
  EXPECT_EQ(sweep.num_trials, 9);
  EXPECT_EQ(sweep.epochs, 1.5);
  EXPECT_EQ(sweep.eta, 2);
  EXPECT_EQ(sweep.most_rungs, 3);
  EXPECT_FALSE(sweep.lower_is_better());
}

TEST_F(SweepFiles, GridHasAsManyTrialsAsPointsForEveryExperiment) {
  const std::string grid = R"("search": "grid", "budget": {"steps": 5})";
  EXPECT_EQ(read(with(R"({"/method/rank": {"values": [1, 2, 4]}})", grid)).num_trials, 3);
  EXPECT_THAT(
      mistakes(
          with(R"({"toy": {"/method/rank": {"values": [1, 2]}}, "other": {"/method/rank": {"values": [1]}}})", grid)),
      HasSubstr("the grid of 'other' has 1 points where every experiment has 2 trials"));
  EXPECT_THAT(mistakes(with(R"({"/method/alpha": {"uniform": [1, 2]}})", grid)),
              HasSubstr("/method/alpha needs \"points\" for a grid"));
}

TEST_F(SweepFiles, ProseIsNoOtherSweep) {
  const std::string space = R"({"/method/rank": {"values": [1, 2, 4]}})";
  auto text = with(space);
  const auto hash = read(text).hash;
  EXPECT_EQ(read(text.replace(text.find("why"), 3, "other")).hash, hash);
  EXPECT_NE(read(with(space, R"("budget": {"trials": 3, "steps": 5})")).hash, hash);
}

TEST_F(SweepFiles, AllMistakesAtOnce) {
  EXPECT_THAT(
      mistakes(R"({"about": "why", "experiment": "nowhere.json", "search": "randm",
                           "space": {"/train/epochs": {"values": [1]}, "/method/rank": {"valus": [1]}, "tyo": {},
    "/evaluate/splits": {"values": [1]}},
                           "budget": {"trials": 0, "steps": 5, "epochs": 1, "eta": 3}, "metric": "accuracy",
    "sead": 1})"),
      AllOf(HasSubstr("no such file: "), HasSubstr("did you mean 'random'?"),
            HasSubstr("~1train~1epochs: is set by the budget"), HasSubstr("did you mean 'values'?"),
            HasSubstr("'tyo' is neither a pointer"), HasSubstr("decides what is measured"), HasSubstr("of at least 1"),
            HasSubstr("steps and epochs exclude each other"), HasSubstr("is for the search 'successive_halving'"),
            AllOf(HasSubstr("/metric: expected one of"), HasSubstr("did you mean 'seed'?"))));
}

TEST_F(SweepFiles, WrongSpacesAndBudgets) {
  EXPECT_THAT(mistakes(with("[]")), HasSubstr("expected an object with at least one setting"));
  EXPECT_THAT(mistakes(with("{}")),
              AllOf(HasSubstr("nothing to search for 'toy'"), HasSubstr("nothing to search for 'other'")));
  EXPECT_THAT(mistakes(with(R"({"toy": 3})")), HasSubstr("expected an object of settings for 'toy', got 3"));
  EXPECT_THAT(mistakes(with(R"({"tyo": {}})")), HasSubstr("did you mean 'toy'?"));
  EXPECT_THAT(mistakes(with(R"({"toy": {"rank": {"values": [1]}}})")),
              HasSubstr("expected a pointer into the experiment"));
  EXPECT_THAT(mistakes(with(R"({"/seeds": {"values": [1, 2]}})")), HasSubstr("is set by \"seed\" of the sweep"));
  EXPECT_THAT(mistakes(with(R"({"/method/rank": {"values": [1]}})")),
              HasSubstr("has 1 different settings for 'toy' and the budget 2 trials"));
  EXPECT_THAT(mistakes(with(R"({"/method/rank": {"values": [1, 2]}})", R"("seed": 0)")), HasSubstr("/budget: missing"));
  EXPECT_THAT(mistakes(with(R"({"/method/rank": {"values": [1, 2]}})", R"("budget": {})")),
              AllOf(HasSubstr("/budget/trials: missing"), HasSubstr("expected \"steps\" or \"epochs\"")));
  EXPECT_THAT(
      mistakes(
          R"({"about": "why", "experiment": ["toy.json", "./toy.json"],
    "space": {"/method/rank": {"values": [1, 2]}}, "budget": {"trials": 1, "steps": 1}})"),
      HasSubstr("two are named 'toy'"));
  EXPECT_THAT(
      mistakes(
          R"({"about": "why", "experiment": [], "space": {"/a": {"values": [1]}}, "budget": {"trials": 1,
    "steps": 1}})"),
      HasSubstr("expected at least one experiment"));
}

TEST_F(SweepFiles, SchemaKnowsEveryKey) {
  const auto schema = sweep_schema();
  for (const char* key : {"about", "experiment", "space", "search", "budget", "seed", "metric"})
    EXPECT_TRUE(schema["properties"].contains(key)) << key;
  EXPECT_THAT(schema["required"].dump(), AllOf(HasSubstr("space"), HasSubstr("budget"), HasSubstr("about")));
  EXPECT_TRUE(schema["$defs"]["dimension"]["properties"].contains("log_uniform"));
  EXPECT_TRUE(schema["properties"]["budget"].contains("properties")) << schema["properties"]["budget"];
}

}  // namespace
}  // namespace peftlab::study
