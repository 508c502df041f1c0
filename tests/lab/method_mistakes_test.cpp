// What is said of a method's options on a model: every mistake, each at its option.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/lab/method_options.h"
#include "tests/support/scratch.h"

namespace peftlab {
namespace {

namespace fs = std::filesystem;

using test::mistakes_of;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

int64_t num_lines(const std::string& text) { return 1 + std::count(text.begin(), text.end(), '\n'); }

TEST(MethodMistakes, AllThatCanBeKnownAreToldAtOnce) {
  const auto said = mistakes_of(
      "lora", R"("rank":17,"targets":["xx","v_proj","yy"],"exclude":["zz"],"layers":[0,7],"modules_to_save":["nrm"])");
  EXPECT_THAT(
      said,
      AllOf(HasSubstr("test.json:1:36: /method/targets: 'xx' matches no module; the model has: down_proj"),
            HasSubstr("/method/targets: 'yy' matches no module"), HasSubstr("/method/exclude: 'zz' matches no module"),
            HasSubstr("/method/layers: there is no layer 7; the model has layers 0 to "),
            HasSubstr("/method/rank: 17 is above that of 'model.layers.0.self_attn.v_proj'"),
            HasSubstr("/method/modules_to_save: 'nrm' matches no module; did you mean 'norm'?")));
  EXPECT_EQ(num_lines(said), 6) << said;
}

TEST(MethodMistakes, ARankIsToldOnceForMatricesOfOneName) {
  const auto said = mistakes_of(
      "lora", R"("rank":99,"targets":["q_proj","v_proj"],"rank_pattern":{"nope":3},"alpha_pattern":{"k_proj":3})");
  EXPECT_THAT(
      said,
      AllOf(HasSubstr("/method/rank: 99 is above that of 'model.layers.0.self_attn.q_proj', a matrix of 32 x 32"),
            HasSubstr("/method/rank: 99 is above that of 'model.layers.0.self_attn.v_proj', a matrix of 16 x 32"),
            HasSubstr(
                "/method/rank_pattern: 'nope' matches none of the modules that are filled; they are: q_proj, v_proj"),
            HasSubstr("/method/alpha_pattern: 'k_proj' matches none of the modules that are filled; did you mean")));
  EXPECT_EQ(num_lines(said), 4) << said;
  EXPECT_THAT(
      mistakes_of("lora", R"("targets":["v_proj"],"rank_pattern":{"v_proj":17})"),
      AllOf(HasSubstr("/method/rank_pattern: 17 is above that of"), Not(HasSubstr("which rank_pattern can say"))));
}

TEST(MethodMistakes, PatternsThatMatchNothingAreRefusedByEachMethodThatHasThem) {
  for (const char* method : {"lora", "dora", "qlora", "loha", "lokr"}) {
    EXPECT_THAT(mistakes_of(method, R"("targets":["q_proj"],"rank_pattern":{"q_prj":3})"),
                HasSubstr("/method/rank_pattern: 'q_prj' matches none of the modules that are filled; did you mean "
                          "'q_proj'?; they are: q_proj"))
        << method;
    EXPECT_THAT(mistakes_of(method, R"("targets":["q_proj"],"alpha_pattern":{"v_proj":3})"),
                HasSubstr("/method/alpha_pattern: 'v_proj' matches none"))
        << method;
  }
  EXPECT_EQ(
      mistakes_of(
          "lora",
          R"("targets":["q_proj"],"rank_pattern":{"layers.1.self_attn.q_proj":3},"exclude":["lm_head"],"layers":[1])"),
      "nothing was thrown");
  EXPECT_EQ(mistakes_of("lora", R"("targets":["q_proj"],"exclude":["lm_head"])", "models/llama_tied"),
            "nothing was thrown");
}

TEST(MethodMistakes, MatricesThatHoldSeveralAreToldAsSuch) {
  EXPECT_THAT(mistakes_of("lora", R"("targets":["q_proj"])", "models/gpt2"),
              HasSubstr("'q_proj' matches no module; it is a part of 'c_attn' here; the model has: c_attn (q_proj, "
                        "k_proj and v_proj in one), c_fc, c_proj"));
  EXPECT_THAT(
      mistakes_of("ia3", R"("targets":["up_proj"],"feedforward":[])", "models/phi3"),
      AllOf(HasSubstr("it is a part of 'gate_up_proj' here"), HasSubstr("gate_up_proj (gate_proj and up_proj in one)"),
            HasSubstr("qkv_proj (q_proj, k_proj and v_proj in one)")));
  EXPECT_THAT(mistakes_of("lora", R"("targets":"(.*k)_proj")", "models/gpt2"),
              HasSubstr("c_attn (q_proj, k_proj and v_proj in one)"));
  EXPECT_THAT(mistakes_of("lora", R"("targets":["q_prj"])"),
              AllOf(HasSubstr("did you mean 'q_proj'?"), Not(HasSubstr("in one"))));
}

TEST(MethodMistakes, WhatIsNoExpressionIsToldAtItsOptionBeforeAModelIsRead) {
  EXPECT_EQ(mistakes_of("lora", R"("targets":"(","exclude":"[")"),
            "test.json:1:26: /method/targets: '(' is no regular expression: '(' at character 1 is never closed\n"
            "test.json:1:40: /method/exclude: '[' is no regular expression: '[' at character 1 is never closed");
}

// PEFT's rules for adapters: what matches nothing changes nothing.
TEST(MethodMistakes, AdaptersThatAreReadMayHaveWhatMatchesNothing) {
  const test::Scratch folder;
  test::Toy toy(R"({"name":"lora","rank":2,"targets":["q_proj"]})");
  plugin::write_adapter(folder / "adapter", toy.method().adapter("base"));
  auto config = io::read_json(folder / "adapter/adapter_config.json").value;
  config["rank_pattern"] = {{"nope", 3}};
  config["alpha_pattern"] = {{"nope", 3}};
  config["exclude_modules"] = {"zz"};
  config["layers_to_transform"] = {0, 1, 2, 77};
  std::ofstream(folder / "adapter/adapter_config.json") << config;
  model::Decoder decoder(*model::open_weights(test::golden("models/llama")), torch::kFloat32, torch::kCPU);
  EXPECT_EQ(test::message_of([&] { lab::attach_adapter(decoder, folder / "adapter", nullptr); }), "nothing was thrown");
}

}  // namespace
}  // namespace peftlab
