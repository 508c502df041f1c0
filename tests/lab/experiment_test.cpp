#include "lab/experiment_file.h"

namespace peftlab::lab {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST_F(ExperimentFile, FillsInDefaults) {
  const auto e = load(kWhole);
  EXPECT_EQ(e.name, "e");
  EXPECT_EQ(e.about, "why");
  EXPECT_EQ(e.model.name, "tiny");
  EXPECT_EQ(e.model.path, "");
  EXPECT_EQ(e.model.dtype, "auto");
  EXPECT_EQ(e.task, folder_ / "tasks/roads.json");
  ASSERT_EQ(e.methods.size(), 1u);
  EXPECT_EQ(e.methods[0].name, "lora");
  EXPECT_EQ(e.methods[0].options.dump(), R"({"rank":8})");
  EXPECT_EQ(e.methods[0].pointer, "/method");
  EXPECT_EQ(e.seed, 0);
  EXPECT_THAT(e.seeds, ElementsAre(0));
  EXPECT_EQ(e.train.epochs, 3.0);
  EXPECT_EQ(e.train.max_steps, std::nullopt);
  EXPECT_EQ(e.train.learning_rate, 1e-3);
  EXPECT_EQ(e.train.save_every.epochs, 1.0);
  EXPECT_TRUE(e.train.evaluate_every.never());
  EXPECT_EQ(e.evaluate.forgetting, std::nullopt);
  EXPECT_EQ(e.document.where("/method/rank"), path("e.json") + ":5:30");
}

TEST_F(ExperimentFile, ReadsEveryKey) {
  write("t.txt", "x");
  fs::create_directories(folder_ / "start");
  const auto e = load(R"({
    "about": "why",
    "model": {"name": "small", "dtype": "bf16", "quantize": "nf4"},
    "task": "tasks/roads.json",
    "method": ["one", {"name": "two", "n": 3}],
    "adapter": "start",
    "other_base": true,
    "seed": 7,
    "seeds": [7, 8],
    "device": "cpu",
    "train": {
      "max_steps": 50, "batch_size": 2, "gradient_accumulation": 3,
      "optimizer": "sgd", "learning_rate": 0.5, "momentum": 0.9, "weight_decay": 0.1, "no_decay_on_vectors": false,
      "parameter_groups": [{"match": "_B$", "learning_rate_factor": 16, "weight_decay": 0}],
      "schedule": "constant", "warmup_steps": 5, "clip_norm": 0,
      "max_length": 128, "train_on": "all", "share_prefix": false, "gradient_checkpointing": true,
      "on_nonfinite": "skip", "loss_jump": 2, "log_every_steps": 10,
      "evaluate_every": {"steps": 5}, "save_every": {"epochs": 0.5}, "keep_last": 1, "keep_best": true,
      "best_metric": "exact_match", "early_stopping": {"patience": 2, "min_change": 0.01}},
    "evaluate": {
      "splits": ["dev", "test"], "max_items": {"dev": 10}, "batch_size": 8, "max_new_tokens": 9, "base": false,
      "forgetting": {"texts": "t.txt", "max_tokens": 100}, "free_prompts": ["hi"], "free_answer_tokens": 3}})");
  const auto expected = io::Json::parse(R"({
    "about": "why",
    "adapter": "start",
    "device": "cpu",
    "evaluate": {
      "base": false, "batch_size": 8, "forgetting": {"max_tokens": 100, "texts": ["t.txt"]}, "free_answer_tokens": 3,
      "free_prompts": ["hi"], "max_items": {"dev": 10, "test": null}, "max_new_tokens": 9, "splits": ["dev", "test"]},
    "method": [{"name": "one"}, {"n": 3, "name": "two"}],
    "model": {"dtype": "bf16", "name": "small", "quantize": {"block_size": 64, "double_quantization": true, "type": "nf4"}},
    "other_base": true,
    "seed": 7,
    "seeds": [7, 8],
    "task": "roads.json",
    "train": {
      "batch_size": 2, "best_metric": {"direction": "higher", "name": "exact_match"}, "clip_norm": 0.0,
      "early_stopping": {"min_change": 0.01, "patience": 2}, "evaluate_every": {"steps": 5},
      "gradient_accumulation": 3, "gradient_checkpointing": true, "keep_best": true, "keep_last": 1,
      "learning_rate": 0.5, "log_every_steps": 10, "loss_jump": 2.0, "max_length": 128, "max_steps": 50,
      "momentum": 0.9, "no_decay_on_vectors": false, "on_nonfinite": "skip", "optimizer": "sgd",
      "parameter_groups": [{"learning_rate_factor": 16.0, "match": "_B$", "weight_decay": 0.0}],
      "save_every": {"epochs": 0.5}, "schedule": "constant", "share_prefix": false, "train_on": "all",
      "warmup_steps": 5, "weight_decay": 0.1}})");
  EXPECT_EQ(e.resolved().dump(1), expected.dump(1));
  EXPECT_EQ(e.adapter, folder_ / "start");
  EXPECT_EQ(e.methods[1].pointer, "/method/1");
}

TEST_F(ExperimentFile, QuantizeIsAWordOrAnObject) {
  const auto with = [](const std::string& quantize) {
    return R"({"about": "why", "model": {"name": "small", "quantize": )" + quantize +
           R"(}, "task": "tasks/roads.json", "method": "lora", "train": {"max_steps": 1, "learning_rate": 1}, "evaluate": {"forgetting": false}})";
  };
  EXPECT_FALSE(load(with("null")).model.quantize.has_value());
  EXPECT_TRUE(load(with("null")).resolved().at("model").at("quantize").is_null());
  const auto word = load(with("\"fp4\"")).model.quantize->options;
  EXPECT_EQ(word.type, "fp4");
  EXPECT_TRUE(word.double_quantization);
  EXPECT_EQ(word.block_size, 64);
  const auto object = load(with(R"({"double_quantization": false, "block_size": 4096})")).model.quantize->options;
  EXPECT_EQ(object.type, "nf4");
  EXPECT_FALSE(object.double_quantization);
  EXPECT_EQ(object.block_size, 4096);
  EXPECT_NE(load(with("\"fp4\"")).hash(), load(with("\"nf4\"")).hash());
  EXPECT_THAT(mistakes(with(R"({"type": "int4", "block_size": 96, "blocks": 1})")),
              ElementsAre(HasSubstr("/model/quantize/type: expected one of 'nf4', 'fp4', got the string \"int4\""),
                          HasSubstr("/model/quantize/block_size: is 96, expected a power of two"),
                          HasSubstr("/model/quantize/blocks: unknown key; expected one of 'type'")));
  EXPECT_THAT(mistakes(with(R"({"block_size": 16})")),
              ElementsAre(HasSubstr("/model/quantize/block_size: expected an integer")));
}

TEST_F(ExperimentFile, TellsAllMistakesAtOnce) {
  EXPECT_THAT(
      mistakes(R"({
  "about": 3,
  "modle": "tiny",
  "task": "rods",
  "method": {"rank": 8},
  "seed": -1,
  "train": {"learning_rat": 1, "batch_size": 0, "schedule": "cosin"},
  "evaluate": {"forgetting": false, "splits": ["tset"]}
})"),
      ElementsAre("e.json:2:3: /about: expected a string, got 3",
                  "e.json:1:1: /model: missing, expected an object: the base model: a name of models.json, a Hugging "
                  "Face folder or a GGUF file",
                  "e.json:4:3: /task: there is no task file rods; did you mean 'roads'?",
                  "e.json:5:3: /method/name: missing, expected a string: a method; 'peftlab methods' lists them",
                  "e.json:6:3: /seed: expected an integer of at least 0, got -1",
                  "e.json:7:32: /train/batch_size: expected an integer of at least 1, got 0",
                  "e.json:7:3: /train/learning_rate: missing, expected a number above 0: the highest learning rate of "
                  "the schedule",
                  "e.json:7:49: /train/schedule: expected one of 'constant', 'linear', 'cosine', got the string "
                  "\"cosin\"; did you mean 'cosine'?",
                  "e.json:8:37: /evaluate/splits: expected 'train', 'dev' or 'test', got 'tset'; did you mean 'test'?",
                  "e.json:7:13: /train/learning_rat: unknown key; did you mean 'learning_rate'?",
                  "e.json:3:3: /modle: unknown key; did you mean 'model'?"));
}

TEST_F(ExperimentFile, TellsMistakesOfTheMethodBesideTheRest) {
  const std::string method = R"("method": {"name": "lora", "rnak": 3, "dropout": 1.0, "alpha": "x", "init": "foo"},)";
  const std::string rest = R"("about": "x", "model": "tiny", "task": "roads",)";
  EXPECT_THAT(
      mistakes("{" + rest + method + R"("train": {"max_steps": 4, "batch_size": 0, "learning_rate": -1}})"),
      ElementsAre(HasSubstr("e.json:1:158: /train/batch_size: expected an integer of at least 1, got 0"),
                  HasSubstr("e.json:1:175: /train/learning_rate: expected a number above 0, got -1"),
                  HasSubstr("e.json:1:103: /method/alpha: expected a number"),
                  HasSubstr("e.json:1:87: /method/dropout: expected a number of at least 0 and below 1, got 1.0"),
                  HasSubstr("e.json:1:117: /method/init: expected true"),
                  HasSubstr("e.json:1:76: /method/rnak: unknown key; did you mean 'rank'?")));
  // That there are no texts is no mistake of the file's: it is told when the file has none.
  EXPECT_THAT(mistakes("{" + rest + method + R"("train": {"learning_rate": 1}})"), SizeIs(4));
  EXPECT_THAT(mistakes("{" + rest + R"("method": "lroa", "train": {"learning_rate": -1}})"),
              ElementsAre(HasSubstr("/train/learning_rate"), HasSubstr("/method/name: no method 'lroa'")));
}

TEST_F(ExperimentFile, FilesThatCannotBeRead) {
  EXPECT_THAT(mistakes("{\n  \"about\": \"why\"\n  \"model\": 1}"),
              ElementsAre("e.json:3:3: expected ',' or '}', got '\"'"));
  EXPECT_THAT(mistakes("[]"), ElementsAre("e.json:1:1: expected an object, got the list []"));
  EXPECT_THROW(load_experiment(folder_ / "none.json"), ConfigError);
}

TEST_F(ExperimentFile, RefusesWhatDoesNotGoTogether) {
  EXPECT_THAT(train_mistakes(R"("epochs": 1, "max_steps": 2)"),
              ElementsAre("e.json:2:44: /train/max_steps: epochs and max_steps exclude each other; keep one of them"));
  EXPECT_THAT(
      train_mistakes(R"("warmup_ratio": 0.1, "warmup_steps": 2)"),
      ElementsAre(
          "e.json:2:52: /train/warmup_steps: warmup_ratio and warmup_steps exclude each other; keep one of them"));
  EXPECT_THAT(
      train_mistakes(R"("max_steps": 5, "warmup_steps": 5)"),
      ElementsAre(
          "e.json:2:47: /train/warmup_steps: a warm-up of 5 steps leaves nothing of a run of 5; expected fewer steps"));
  EXPECT_THAT(train_mistakes(R"("keep_best": true)"),
              ElementsAre(HasSubstr("/train/keep_best: needs evaluations to choose by; add \"evaluate_every\"")));
  EXPECT_THAT(train_mistakes(R"("early_stopping": {})"),
              ElementsAre(HasSubstr("/train/early_stopping: needs evaluations")));
  EXPECT_THAT(train_mistakes(R"("momentum": 0.9)"),
              ElementsAre(HasSubstr("/train/momentum: is a setting of optimizer 'sgd', which this run does not use")));
  EXPECT_THAT(train_mistakes(R"("optimizer": "sgd", "betas": [0.9, 0.99])"),
              ElementsAre(HasSubstr("/train/betas: is a setting of optimizer 'adamw'")));
  EXPECT_THAT(train_mistakes(R"("evaluate_every": {})"),
              ElementsAre(HasSubstr("/train/evaluate_every: expected \"steps\" or \"epochs\" in it")));
  EXPECT_THAT(train_mistakes(R"("save_every": {"steps": 1, "epochs": 1})"),
              ElementsAre(HasSubstr("/train/save_every/epochs: steps and epochs exclude")));
}

TEST_F(ExperimentFile, RefusesValuesThatMeanNothing) {
  EXPECT_THAT(train_mistakes(R"("betas": [0.9, 1])"),
              ElementsAre(HasSubstr(
                  "/train/betas: expected a list of two numbers of at least 0 and below 1, got the list [0.9,1]")));
  EXPECT_THAT(train_mistakes(R"("share_prefix": "yes")"),
              ElementsAre(HasSubstr("/train/share_prefix: expected true, false or \"auto\", got the string \"yes\"")));
  EXPECT_THAT(train_mistakes(R"("parameter_groups": [{"match": "(", "learning_rate_factor": 2}])"),
              ElementsAre(HasSubstr("/train/parameter_groups/0/match: is no regular expression")));
  EXPECT_THAT(train_mistakes("\"parameter_groups\": [{\"match\": \"" + std::string(1001, '(') + "\"}]"),
              ElementsAre(HasSubstr("/train/parameter_groups/0/match: has 1001 characters, expected at most 1000")));
  EXPECT_THAT(train_mistakes(R"("best_metric": "los")"),
              ElementsAre(AllOf(HasSubstr("/train/best_metric"), HasSubstr("did you mean 'loss'?"))));
  const std::string rest = R"("about": "why", "task": "roads", "train": {"learning_rate": 1}, )";
  EXPECT_THAT(mistakes("{" + rest +
                       R"("model": 4, "method": [], "seeds": [1, 1], "device": "gpu", "adapter": "none",
    "evaluate": {"forgetting": 3, "free_prompts": [1]}})"),
              ElementsAre(HasSubstr("/model: expected an object, got 4"),
                          HasSubstr("/method: an empty list, expected at least one method"),
                          HasSubstr("/adapter: there is no folder or GGUF file none"),
                          HasSubstr("/seeds: expected a list of different integers of at least 0, got the list [1,1]"),
                          HasSubstr("/device: expected one of 'auto', 'cpu', 'cuda', got the string \"gpu\""),
                          HasSubstr("/evaluate/forgetting: expected true, false or an object, got 3"),
                          HasSubstr("/evaluate/free_prompts: expected a list of strings")));
  EXPECT_THAT(
      mistakes("{" + rest +
               R"("model": "tinny", "method": 5, "evaluate": {"splits": ["dev", "dev"],
    "forgetting": {"texts": ["no.txt"], "task": "roads", "txts": 1}, "free_prompts": "no.json"}})"),
      ElementsAre(HasSubstr("there is no model 'tinny', expected a name of models.json, a Hugging Face folder or a "
                            "GGUF file; did you mean 'tiny'?"),
                  HasSubstr("/method: expected an object with the method's \"name\" and options, got 5"),
                  HasSubstr("/evaluate/splits: names 'dev' twice"),
                  HasSubstr("/evaluate/forgetting/texts: no such file: no.txt"),
                  HasSubstr("/evaluate/forgetting/task: texts and task exclude each other"),
                  HasSubstr("/evaluate/forgetting/txts: unknown key; did you mean 'texts'?"),
                  HasSubstr("/evaluate/free_prompts: no such file: no.json")));
}

}  // namespace
}  // namespace peftlab::lab
