// Low-rank updates that start from a decomposition of the weight, and ranks that a matrix cannot have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "tests/lab/method_options.h"
#include "tests/lab/patched.h"

namespace peftlab {
namespace {

namespace fs = std::filesystem;
using test::expect_equal;
using test::logits;
using test::mistakes_of;
using test::Patched;
using test::Read;
using test::with_name;
using testing::HasSubstr;

class FromDecomposition : public testing::TestWithParam<const char*> {
 protected:
  static std::string options(const std::string& more = "") {
    return with_name(
        "lora", std::string(R"("rank":4,"alpha":8,"targets":["q_proj","v_proj"],"init":")") + GetParam() + "\"" + more);
  }
};

TEST_P(FromDecomposition, StartsAsTheBaseAndCountsFromThere) {
  Patched one(options());
  const auto a0 = one.tensor("lora_A.weight").detach().clone(), b0 = one.tensor("lora_B.weight").detach().clone();
  EXPECT_GT(b0.mm(a0).abs().max().item<double>(), 0.1);
  expect_equal(one.patch->forward(*one.base, one.x), (*one.base)(one.x), 1e-14);
  one.toy.perturb(0.2);
  const auto changed =
      one.base->weight() + 2.0 * (one.tensor("lora_B.weight").mm(one.tensor("lora_A.weight")) - b0.mm(a0));
  const auto expected = one.x.mm(changed.t()) + one.bias();
  expect_equal(one.patch->forward(*one.base, one.x), expected);
  expect_equal(one.patch->merged(*one.base)->weight, changed);
  const auto factors = one.patch->factors();
  ASSERT_TRUE(factors.has_value());
  EXPECT_EQ(factors->down.size(0), 8);
  expect_equal(low_rank_linear(*one.base, one.x, *factors), expected);
}

TEST_P(FromDecomposition, DropsNothingOfTheStart) {
  Patched one(options(R"(,"dropout":0.5)"));
  const auto start = 2.0 * one.tensor("lora_B.weight").mm(one.tensor("lora_A.weight")).detach();
  const torch::NoGradGuard no_grad;
  one.tensor("lora_B.weight").zero_();
  one.patch->train(true);
  expect_equal(one.patch->forward(*one.base, one.x), one.x.mm((one.base->weight() - start).t()) + one.bias());
  EXPECT_FALSE(one.patch->factors().has_value());
}

TEST_P(FromDecomposition, IsSavedRelativeToTheBase) {
  for (const char* rslora : {"false", "true"}) {
    test::Toy toy(
        options(std::string(R"(,"rslora":)") + rslora + R"(,"rank_pattern":{"v_proj":3},"alpha_pattern":{"v_proj":5})"),
        torch::kFloat64);
    toy.perturb(0.2);
    const auto config = toy.method().adapter("b").config;
    EXPECT_TRUE(config.find("init_lora_weights")->boolean());
    EXPECT_EQ(config.find("r")->integer(), 8);
    EXPECT_EQ(config.find("rank_pattern")->fields().find("v_proj")->integer(), 6);
    EXPECT_DOUBLE_EQ(config.find("lora_alpha")->number(), 8.0 * (std::string(rslora) == "true" ? std::sqrt(2.0) : 2.0));
    Read read(toy, "models/llama", torch::kFloat64);
    toy.method().train(false);
    expect_equal(logits(read.decoder), logits(*toy.decoder), 1e-9);
    EXPECT_EQ(read.set.num_trainable(), 2 * toy.method().num_trainable());
  }
}

INSTANTIATE_TEST_SUITE_P(Of, FromDecomposition, testing::Values("pissa", "olora", "pissa_niter_3"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Decomposition, PissaTakesTheLargestTripletsAsPeftDoes) {
  const auto known = test::golden_tensors("methods/lora_pissa_init/io.safetensors");
  test::Toy toy(with_name("lora", R"("rank":4,"alpha":8,"targets":["q_proj","v_proj"],"init":"pissa")"));
  size_t compared = 0;
  for (const auto& point : toy.method().filled()) {
    const auto named = point.patch->named_parameters();
    const auto prefix = "init.base_model.model." + point.name + ".";
    const auto theirs = known.at(prefix + "lora_B.weight").mm(known.at(prefix + "lora_A.weight"));
    expect_equal(named["lora_B.weight"].mm(named["lora_A.weight"]), theirs, 1e-5);
    for (const auto& slot : toy.decoder->weights().linears()) {
      if (slot.base.name() != point.name) continue;
      expect_equal(slot.base.weight() - 2.0 * theirs, known.at(prefix + "base_layer.weight"), 1e-5);
      ++compared;
    }
  }
  EXPECT_EQ(compared, 4u);
}

TEST(Decomposition, OloraTakesColumnsOfQAndManyRoundsFindWhatPissaTakes) {
  Patched qr(with_name("lora", R"("rank":4,"alpha":8,"targets":["q_proj"],"init":"olora")"));
  const auto q = qr.tensor("lora_B.weight").detach();
  expect_equal(q.t().mm(q), torch::eye(4, torch::kFloat64));
  expect_equal(qr.tensor("lora_A.weight"), q.t().mm(qr.base->weight()));
  Patched full(with_name("lora", R"("rank":4,"targets":["q_proj"],"init":"pissa")"));
  Patched rounds(with_name("lora", R"("rank":4,"targets":["q_proj"],"init":"pissa_niter_500")"));
  const auto product = [](const Patched& p) { return p.tensor("lora_B.weight").mm(p.tensor("lora_A.weight")); };
  expect_equal(product(rounds), product(full), 1e-6);
}

TEST(Decomposition, RefusesWhatItCannotStart) {
  EXPECT_THAT(mistakes_of("lora", R"("init":"pissa_niter_")"),
              HasSubstr("/method/init: expected true, \"gaussian\", \"pissa\", \"pissa_niter_N\", \"olora\" or "
                        "\"random\", got the string \"pissa_niter_\""));
  EXPECT_THAT(mistakes_of("lora", R"("init":"olora","targets":["embed_tokens","q_proj"])"),
              HasSubstr("init: 'model.embed_tokens' is a table, which is not started from a decomposition"));
  EXPECT_THAT(mistakes_of("lora", R"("lora_bias":true,"target_parameters":["q_proj.weight"])"),
              HasSubstr("/method/lora_bias: does not go with target_parameters"));
}

TEST(Decomposition, ThatWasDrawnIsNotMadeAgain) {
  const test::Scratch folder;
  fs::copy(test::golden("methods/lora_pissa_init"), folder / "adapter");
  auto config = io::read_json(folder / "adapter/adapter_config.json").value;
  config["init_lora_weights"] = "pissa_niter_4";
  std::ofstream(folder / "adapter/adapter_config.json") << config;
  model::Decoder decoder(*model::open_weights(test::golden("models/llama")), torch::kFloat32, torch::kCPU);
  EXPECT_THAT(
      test::message_of([&] { lab::attach_adapter(decoder, folder / "adapter", nullptr); }),
      HasSubstr("field 'init_lora_weights' of the adapter is \"pissa_niter_4\", a start that drew random numbers"));
}

// Its A and B are in the file, and the base is as it was: a start like any other for who reads it.
TEST(Decomposition, AnOrthogonalStartOfPeftsIsRead) {
  const auto logits_with = [](const io::Json& init) {
    const test::Scratch folder;
    fs::copy(test::golden("methods/lora"), folder / "adapter");
    auto config = io::read_json(folder / "adapter/adapter_config.json").value;
    config["init_lora_weights"] = init;
    std::ofstream(folder / "adapter/adapter_config.json") << config;
    model::Decoder decoder(*model::open_weights(test::golden("models/llama")), torch::kFloat32, torch::kCPU);
    const auto set = lab::attach_adapter(decoder, folder / "adapter", nullptr);
    EXPECT_TRUE(set.methods[0]->adapter("base").config.find("init_lora_weights")->boolean());
    return test::logits(decoder);
  };
  EXPECT_TRUE(torch::equal(logits_with("orthogonal"), logits_with(true)));
  EXPECT_THAT(mistakes_of("lora", R"("init":"orthogonal")"), HasSubstr("/method/init: expected true"));
}

TEST(Ranks, AboveAMatrixAreRefusedWithItsNameAndSize) {
  EXPECT_THAT(
      mistakes_of("lora", R"("rank":17,"targets":["q_proj","v_proj"])"),
      HasSubstr(
          "rank: 17 is above that of 'model.layers.0.self_attn.v_proj', a matrix of 16 x 32; expected at most 16"));
  EXPECT_EQ(mistakes_of("lora", R"("rank":17,"targets":["q_proj","v_proj"],"rank_pattern":{"v_proj":16})"),
            "nothing was thrown");
}

}  // namespace
}  // namespace peftlab
