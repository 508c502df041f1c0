#include "lab/experiment_file.h"

namespace peftlab::lab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(ExperimentFile, ModelsMayBePathsBesideTheFileThatNamesThem) {
  write("bases/m.gguf", "GGUF");
  write("bases/b.json", R"({"model": "m.gguf"})");
  const std::string rest =
      R"("about": "why", "task": "roads", "method": "lora",
    "train": {"learning_rate": 1}, "evaluate": {"forgetting": false}})";
  const auto e = load(R"({"extends": "bases/b.json", )" + rest);
  EXPECT_EQ(e.model.path, folder_ / "bases/m.gguf");
  EXPECT_EQ(e.resolved().at("model").at("name"), "m.gguf");
  EXPECT_EQ(load("{" + rest, {"/model=" + path("bases/m.gguf")}).model.path, folder_ / "bases/m.gguf");
}

TEST_F(ExperimentFile, ForgettingAndFreePromptsComeFromTheLibrary) {
  const std::string text =
      R"({"about": "why", "model": "tiny", "task": "roads", "method": "lora", "train": {"learning_rate": 1}})";
  EXPECT_THAT(mistakes(text),
              ElementsAre(HasSubstr("/evaluate/forgetting: there are no texts to measure forgetting on")));
  fs::create_directories(folder_ / "forgetting");
  write("forgetting/b.txt", "b");
  write("forgetting/a.txt", "a");
  EXPECT_THAT(load(text).evaluate.forgetting->texts,
              ElementsAre(folder_ / "forgetting/a.txt", folder_ / "forgetting/b.txt"));
  EXPECT_THAT(load(text).evaluate.free_prompts, IsEmpty());
  write("forgetting/free_prompts.json", R"(["one", "two"])");
  EXPECT_THAT(load(text).evaluate.free_prompts, ElementsAre("one", "two"));
  EXPECT_THAT(load(text, {"/evaluate/free_prompts=[]"}).evaluate.free_prompts, IsEmpty());
  write("forgetting/free_prompts.json", R"({"one": 1})");
  EXPECT_THAT(mistakes(text), ElementsAre("forgetting/free_prompts.json:1:1: expected a list of strings"));
}

TEST_F(ExperimentFile, TheHashIsOfWhatChangesResults) {
  const auto hash = load(kWhole).hash();
  EXPECT_EQ(hash.size(), 64u);
  EXPECT_EQ(load(kWhole, {"/about=other", "/seeds=[1,2]", "/other_base=true"}).hash(), hash);
  EXPECT_EQ(load(kWhole, {"/train/epochs=3", "/train/schedule=linear", "/train/learning_rate=0.001"}).hash(), hash);
  EXPECT_NE(load(kWhole, {"/seed=1"}).hash(), hash);
  EXPECT_NE(load(kWhole, {"/train/epochs=2"}).hash(), hash);
  EXPECT_NE(load(kWhole, {"/method/rank=4"}).hash(), hash);
  EXPECT_NE(load(kWhole, {"/evaluate/base=false"}).hash(), hash);
  auto resolved_by_the_method = load(kWhole);
  resolved_by_the_method.methods[0].options["alpha"] = 16;
  EXPECT_NE(resolved_by_the_method.hash(), hash);
}

TEST_F(ExperimentFile, TheHashDoesNotDependOnTheFolder) {
  const auto hash = load(kWhole).hash();
  const fs::path elsewhere = folder_ / "elsewhere";
  fs::create_directories(elsewhere / "tasks");
  for (const char* name : {"models.json", "tasks/roads.json", "e.json"})
    fs::copy_file(folder_ / name, elsewhere / name);
  EXPECT_EQ(load_experiment(elsewhere / "e.json").hash(), hash);
}

TEST(Shipped, ExperimentsAreRight) {
  const fs::path folder = fs::path(PEFTLAB_SOURCE_DIR) / "experiments";
  int num_experiments = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    if (entry.path().extension() != ".json" || name == "models.json" || name == "datasets.json") continue;
    ++num_experiments;
    EXPECT_NO_THROW({ load_experiment(entry.path()); }) << name;
  }
  EXPECT_GE(num_experiments, 2);
  const auto roads = load_experiment(folder / "roads_lora_no_example.json");
  EXPECT_EQ(roads.methods.at(0).options.at("rank"), 8);
  EXPECT_EQ(roads.task.filename(), "roads_no_example.json");
  EXPECT_THAT(roads.seeds, ElementsAre(0, 1, 2));
}

TEST(ExperimentSchema, HasEveryKeyWithItsMeaning) {
  const io::Json schema = experiment_schema();
  const auto& train = schema.at("/properties/train/anyOf/0/properties"_json_pointer);
  EXPECT_EQ(train.at("batch_size").at("default"), 4);
  EXPECT_EQ(train.at("optimizer").at("anyOf").at(0).at("enum").dump(), R"(["adamw","sgd"])");
  for (const auto& [key, value] : train.items())
    EXPECT_FALSE(value.at("description").get<std::string>().empty()) << key;
  EXPECT_EQ(schema.at("required").dump(), R"(["about"])");
  EXPECT_EQ(schema.at("additionalProperties"), false);
  EXPECT_TRUE(schema.contains("/$defs/methods"_json_pointer));
  EXPECT_TRUE(train.contains("/parameter_groups/anyOf/0/items/properties/match"_json_pointer));
}

}  // namespace
}  // namespace peftlab::lab
