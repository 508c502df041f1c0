#include "lab/experiment_file.h"

namespace peftlab::lab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(ExperimentFile, ExtendsAnother) {
  write("bases/b.json", kWhole);
  write("bases/c.json",
        R"({"about": "c", "extends": "b.json", "task": "../tasks/roads.json", "seeds": [1, 2, 3],
    "train": {"epochs": 2, "batch_size": 9}})");
  const auto e = load(R"({"about": "mine", "extends": "bases/c.json", "seeds": [4],
 "method": {"alpha": 2}, "train": {"max_steps": 8, "batch_size": null}})");
  EXPECT_EQ(e.about, "mine");
  EXPECT_EQ(e.task, folder_ / "tasks/roads.json");
  EXPECT_THAT(e.seeds, ElementsAre(4));
  EXPECT_EQ(e.methods[0].options.dump(), R"({"rank":8,"alpha":2})");
  EXPECT_EQ(e.train.learning_rate, 1e-3);
  EXPECT_EQ(e.train.max_steps, 8);
  EXPECT_EQ(e.train.epochs, std::nullopt);
  EXPECT_EQ(e.train.batch_size, 4);
  EXPECT_EQ(e.document.where("/train/learning_rate"), path("bases/b.json") + ":6:13");
  EXPECT_EQ(e.document.where("/method/alpha"), path("e.json") + ":2:13");
  EXPECT_EQ(e.document.where("/method/rank"), path("bases/b.json") + ":5:30");
}

TEST_F(ExperimentFile, OneOfTwoThatExcludeEachOtherTakesTheOtherAway) {
  write("bases/b.json", kWhole);
  write("bases/steps.json", R"({"extends": "b.json", "train": {"max_steps": 50, "warmup_steps": 5,
    "save_every": {"steps": 10}, "evaluate_every": {"epochs": 1}}})");
  const auto e = load(R"({"about": "why", "extends": "bases/steps.json", "train": {"epochs": 2, "warmup_ratio": 0.1,
    "save_every": {"epochs": 1}, "evaluate_every": {"steps": 7}}})");
  EXPECT_EQ(e.train.epochs, 2.0);
  EXPECT_EQ(e.train.max_steps, std::nullopt);
  EXPECT_EQ(e.train.warmup_ratio, 0.1);
  EXPECT_EQ(e.train.warmup_steps, std::nullopt);
  EXPECT_EQ(e.train.save_every.steps, std::nullopt);
  EXPECT_EQ(e.train.evaluate_every.steps, 7);
  EXPECT_FALSE(e.document.value.contains("extends"));
}

TEST_F(ExperimentFile, AMethodOfAnotherNameReplacesTheWholeMethod) {
  write("bases/b.json", kWhole);
  EXPECT_EQ(load(R"({"extends": "bases/b.json", "method": {"name": "other", "k": 1}})").methods[0].options.dump(),
            R"({"k":1})");
  EXPECT_EQ(load(R"({"extends": "bases/b.json", "method": "other"})").methods[0].options.dump(), "{}");
  EXPECT_EQ(load(R"({"extends": "bases/b.json", "method": [{"name": "lora"}]})").methods[0].options.dump(), "{}");
}

TEST_F(ExperimentFile, MistakesOfABaseStandInTheBase) {
  write("bases/b.json",
        "{\"model\": \"tiny\", \"task\": \"roads\",\n \"train\": {\"batch_size\": \"four\",\n \"epochs\": 0}}");
  EXPECT_THAT(
      mistakes(R"({"about": "why", "extends": "bases/b.json", "method": "lora",
 "train": {"learning_rate": 0, "wramup_ratio": null}, "evaluate": {"forgetting": false}})"),
      ElementsAre("bases/b.json:3:2: /train/epochs: expected a number above 0, got 0",
                  "bases/b.json:2:12: /train/batch_size: expected an integer of at least 1, got the string \"four\"",
                  "e.json:2:12: /train/learning_rate: expected a number above 0, got 0",
                  "e.json:2:32: /train/wramup_ratio: unknown key; did you mean 'warmup_ratio'?"));
}

TEST_F(ExperimentFile, BrokenChains) {
  EXPECT_THAT(mistakes("{\"about\": \"why\",\n \"extends\": \"bases/none.json\"}"),
              ElementsAre("e.json:2:2: /extends: no such file: bases/none.json"));
  EXPECT_THAT(mistakes("{\"extends\": 5}"), ElementsAre("e.json:1:2: /extends: expected a string, got 5"));
  EXPECT_THAT(
      mistakes("{\"extends\": \"./e.json\"}"),
      ElementsAre("e.json:1:2: /extends: comes back to itself: e.json -> e.json; one of them must stand alone"));
  write("bases/b.json", "{\n\"extends\": \"../e.json\"}");
  EXPECT_THAT(mistakes("{\"extends\": \"bases/b.json\"}"),
              ElementsAre("bases/b.json:2:1: /extends: comes back to itself: e.json -> b.json -> e.json; one of them "
                          "must stand alone"));
  write("bases/b.json", "{\n]");
  EXPECT_THAT(mistakes("{\"extends\": \"bases/b.json\"}"),
              ElementsAre("bases/b.json:2:1: expected a key in double quotes, got ']'"));
  write("bases/b.json", "[]");
  EXPECT_THAT(mistakes("{\"extends\": \"bases/b.json\"}"),
              ElementsAre("bases/b.json:1:1: expected an object, got the list []"));
}

TEST_F(ExperimentFile, OverridesComeLast) {
  const auto e = load(kWhole, {"/train/learning_rate=1e-4", "/train/max_steps=20", "/model/dtype=f32", "/about=a b=c",
                               "/method/rank=null", "/method/targets=[\"q\"]", "/train/evaluate_every={\"steps\": 5}",
                               "/seeds=[5,6]", "/seeds/1=9"});
  EXPECT_EQ(e.train.learning_rate, 1e-4);
  EXPECT_EQ(e.train.max_steps, 20);
  EXPECT_EQ(e.train.epochs, std::nullopt);
  EXPECT_EQ(e.model.name, "tiny");
  EXPECT_EQ(e.model.dtype, "f32");
  EXPECT_EQ(e.about, "a b=c");
  EXPECT_EQ(e.methods[0].options.at("targets").dump(), R"(["q"])");
  EXPECT_EQ(e.train.evaluate_every.steps, 5);
  EXPECT_THAT(e.seeds, ElementsAre(5, 9));
  EXPECT_EQ(e.document.where("/train/max_steps"), "--set /train/max_steps");
}

TEST_F(ExperimentFile, OverridesAreCheckedLikeFiles) {
  EXPECT_THAT(
      mistakes(kWhole, {"/train/batch_size=four", "/train/lr=1", "/about/x=1", "/seeds=[1]", "/seeds/1=2", "/a~b=1",
                        "/extends=b.json"}),
      ElementsAre(
          "--set /about/x: there is no 'x' in a value that is no object",
          "--set /seeds/1: '1' is no index of a list of 1",
          "--set /a~b: is no JSON pointer; '~' in a key is written '~0'",
          "--set /extends: cannot be set; write it into the file",
          "--set /train/batch_size: /train/batch_size: expected an integer of at least 1, got the string \"four\"",
          StartsWith("--set /train/lr: /train/lr: unknown key; expected one of 'epochs', 'max_steps', ")));
  EXPECT_THAT(mistakes(kWhole, {"/train/epochs=1", "/train/max_steps=2"}),
              ElementsAre(HasSubstr("exclude each other")));
  EXPECT_THROW(parse_override("/train/epochs"), ConfigError);
  EXPECT_THROW(parse_override("train/epochs=1"), ConfigError);
  EXPECT_THROW(parse_override("/about=\xFF"), ConfigError);
  EXPECT_EQ(parse_override("/about=").value, "");
}

}  // namespace
}  // namespace peftlab::lab
