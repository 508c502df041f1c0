// What is trained whole beside low-rank updates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/lab/merge.h"
#include "tests/lab/method_options.h"
#include "tests/lab/patched.h"

namespace peftlab {
namespace {

using test::logits;
using test::mistakes_of;
using test::Read;
using test::with_name;
using testing::HasSubstr;

constexpr const char* kTable = "base_model.model.model.embed_tokens.weight";
constexpr const char* kWholeTable = R"("targets":["q_proj"],"modules_to_save":["embed_tokens"])";

/// The logits of what comes behind the layers, with nothing before it: what the head makes of it.
torch::Tensor head_of(const model::Decoder& decoder) {
  const torch::NoGradGuard no_grad;
  return decoder.logits(torch::eye(decoder.spec().shape.width, torch::kFloat64));
}

class TrainedWholeTable : public testing::TestWithParam<const char*> {};

TEST_P(TrainedWholeTable, LeavesATiedHeadAsItIs) {
  test::Toy toy(with_name(GetParam(), kWholeTable), torch::kFloat64, 0, "models/llama_tied");
  const auto head = head_of(*toy.decoder), before = logits(*toy.decoder);
  const auto table = toy.decoder->weights().embedding->base.value();
  const auto adapter = toy.method().adapter("b").tensors;
  EXPECT_TRUE(torch::equal(adapter.at(kTable), table));
  toy.perturb(0.2);
  EXPECT_TRUE(torch::equal(head_of(*toy.decoder), head));
  EXPECT_GT(test::difference(logits(*toy.decoder), before), 1e-3);
  EXPECT_FALSE(torch::equal(toy.method().adapter("b").tensors.at(kTable), table));
  EXPECT_FALSE(toy.method().adapter("b").tensors.contains("base_model.model.lm_head.weight"));
  const model::PatchesOff off(*toy.decoder);
  EXPECT_TRUE(torch::equal(logits(*toy.decoder), before));
}

TEST_P(TrainedWholeTable, IsReadAndMergedAsItIsSaved) {
  test::Toy toy(with_name(GetParam(), kWholeTable), torch::kFloat64, 0, "models/llama_tied");
  toy.perturb(0.2);
  toy.method().train(false);
  Read read(toy, "models/llama_tied", torch::kFloat64);
  EXPECT_TRUE(torch::equal(logits(read.decoder), logits(*toy.decoder)));
  const auto merged = lab::merged_model(*toy.decoder, toy.set);
  EXPECT_TRUE(merged.untied_head);
  EXPECT_TRUE(
      torch::equal(merged.tensors.at("model.embed_tokens.weight"), toy.method().adapter("b").tensors.at(kTable)));
  EXPECT_TRUE(torch::equal(merged.tensors.at("lm_head.weight"), toy.decoder->weights().embedding->base.value()));
}

TEST_P(TrainedWholeTable, OfAnUntiedHeadIsTheParameterItself) {
  test::Toy toy(with_name(GetParam(), kWholeTable), torch::kFloat64, 0, "models/llama");
  toy.perturb(0.2);
  EXPECT_TRUE(toy.decoder->weights().embedding->active());
  const auto merged = lab::merged_model(*toy.decoder, toy.set);
  EXPECT_FALSE(merged.untied_head);
  EXPECT_TRUE(
      torch::equal(merged.tensors.at("model.embed_tokens.weight"), toy.method().adapter("b").tensors.at(kTable)));
}

INSTANTIATE_TEST_SUITE_P(Of, TrainedWholeTable, testing::Values("lora", "dora", "adalora"),
                         [](const auto& info) { return std::string(info.param); });

TEST(WholeTable, GoesOnFromItsStateAndCountsOnce) {
  const auto options = with_name("lora", kWholeTable);
  test::Toy one(options, torch::kFloat32, 0, "models/llama_tied"),
      other(options, torch::kFloat32, 1, "models/llama_tied");
  one.perturb();
  EXPECT_FALSE(torch::equal(logits(*other.decoder), logits(*one.decoder)));
  other.method().load_state(one.method().state());
  EXPECT_TRUE(torch::equal(logits(*other.decoder), logits(*one.decoder)));
  test::Toy alone(with_name("lora", R"("targets":["q_proj"])"), torch::kFloat32, 0, "models/llama_tied");
  EXPECT_EQ(one.method().num_trainable(),
            alone.method().num_trainable() + one.decoder->weights().embedding->base.value().numel());
}

TEST(WholeTable, TheGradientIsThatOfTheLookup) {
  test::Toy toy(with_name("lora", kWholeTable), torch::kFloat64, 0, "models/llama_tied");
  const auto patch = std::dynamic_pointer_cast<TablePatch>(toy.method().filled().front().patch);
  ASSERT_NE(patch, nullptr);
  const auto ids = torch::tensor({3, 5, 3});
  const auto x = toy.decoder->weights().embedding->base.value().index_select(0, ids);
  const auto weight = patch->parameters().at(0);
  patch->rows(ids, x).sum().backward();
  const auto per_row = weight.grad().sum(1) / static_cast<double>(weight.size(1));
  EXPECT_EQ(per_row[3].item<double>(), 2.0);
  EXPECT_EQ(per_row.sum().item<double>(), 3.0);
}

TEST(WholeTable, DoesNotGoWithAnotherPatchOfTheTable) {
  EXPECT_THAT(mistakes_of("lora", std::string(kWholeTable) + R"(,"trainable_token_indices":[3])", "models/llama_tied"),
              HasSubstr("'model.embed_tokens' is trained already, as a target or in modules_to_save"));
  EXPECT_THAT(
      mistakes_of("lora", R"("targets":["embed_tokens"],"modules_to_save":["embed_tokens"])", "models/llama_tied"),
      HasSubstr("model.embed_tokens is filled twice: by lora and by lora"));
}

TEST(WholeModules, AreNamedByTheirPathsInTheAdapter) {
  test::Toy toy(with_name("lora", R"("targets":["q_proj","v_proj"],"modules_to_save":["norm","1.self_attn.v_proj"])"),
                torch::kFloat64);
  toy.perturb(0.1);
  const auto adapter = toy.method().adapter("b");
  EXPECT_EQ(adapter.config.find("modules_to_save")->texts(),
            (std::vector<std::string>{"model.layers.1.self_attn.v_proj", "model.norm"}));
  EXPECT_FALSE(adapter.tensors.contains("base_model.model.model.layers.0.input_layernorm.weight"));
  EXPECT_FALSE(adapter.tensors.contains("base_model.model.model.layers.1.self_attn.v_proj.lora_A.weight"));
  EXPECT_TRUE(adapter.tensors.contains("base_model.model.model.layers.0.self_attn.v_proj.lora_A.weight"));
  Read read(toy, "models/llama", torch::kFloat64);
  EXPECT_TRUE(torch::equal(logits(read.decoder), logits(*toy.decoder)));
}

/// What an adapter of `toy` computes when its modules_to_save are the names that PEFT was given for them.
torch::Tensor read_as(test::Toy& toy, const List& modules) {
  auto adapter = toy.method().adapter("b");
  adapter.config.set("modules_to_save", modules);
  model::Decoder decoder(*model::open_weights(test::golden("models/llama_bias")), torch::kFloat64, torch::kCPU);
  plugin::DecoderPoints points(decoder, 0, {});
  plugin::AttachedMethod read(plugin::create_from_adapter(adapter, "file"), points, &adapter);
  read.train(false);
  return logits(decoder);
}

TEST(WholeModules, OfPeftAreThoseWhosePathEndsInTheName) {
  test::Toy norms(
      with_name("lora", R"("targets":["q_proj"],"modules_to_save":["input_layernorm","post_attention_layernorm"])"),
      torch::kFloat64, 0, "models/llama_bias");
  norms.perturb(0.1);
  EXPECT_TRUE(torch::equal(read_as(norms, {"layernorm"}), logits(*norms.decoder)));
  EXPECT_THAT(test::message_of([&] { read_as(norms, {"norm"}); }),
              HasSubstr("tensor 'base_model.model.model.norm.weight'"));
  EXPECT_THAT(test::message_of([&] { read_as(norms, {"layernorm", "no+head"}); }),
              HasSubstr("modules_to_save: 'no+head' matches no module; the model has:"));
}

TEST(WholeModules, OfPeftAreBlocksToo) {
  test::Toy block(
      with_name("lora",
                R"("targets":["q_proj","o_proj"],"bias":"all","modules_to_save":["gate_proj","up_proj","down_proj"])"),
      torch::kFloat64, 0, "models/llama_bias");
  block.perturb(0.1);
  EXPECT_TRUE(torch::equal(read_as(block, {"mlp"}), logits(*block.decoder)));
  auto adapter = block.method().adapter("b");
  adapter.config.set("target_modules", List{"q_proj", "o_proj", "up_proj"});
  adapter.config.set("modules_to_save", List{"mlp"});
  model::Decoder decoder(*model::open_weights(test::golden("models/llama_bias")), torch::kFloat64, torch::kCPU);
  plugin::DecoderPoints points(decoder, 0, {});
  plugin::AttachedMethod read(plugin::create_from_adapter(adapter, "file"), points, &adapter);
  EXPECT_EQ(read.num_trainable(), block.method().num_trainable());
}

}  // namespace
}  // namespace peftlab
