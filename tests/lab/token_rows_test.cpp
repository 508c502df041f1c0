// Rows of the embedding table, trained in place of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "core/lab/merge.h"
#include "tests/lab/method_options.h"
#include "tests/lab/patched.h"

namespace peftlab {
namespace {

using test::expect_equal;
using test::logits;
using test::mistakes_of;
using test::Read;
using test::with_name;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(TokenRows, ReplaceRowsAndTheTiedHead) {
  test::Toy toy(with_name("trainable_tokens", R"("token_ids":[20,3,17])"), torch::kFloat64, 0, "models/llama_tied");
  const auto base_logits = logits(*toy.decoder);
  const auto table = toy.decoder->weights().embedding->base.value();
  const auto patch = std::dynamic_pointer_cast<TablePatch>(toy.method().filled().at(0).patch);
  const auto ids = torch::tensor({3, 5, 17, 127, 20, 3, 0});
  const auto x = table.index_select(0, ids);
  EXPECT_TRUE(torch::equal(patch->rows(ids, x), x));
  toy.perturb(0.5);
  const auto changed = *patch->merged(table);
  EXPECT_TRUE(torch::equal(patch->rows(ids, x), changed.index_select(0, ids)));
  EXPECT_EQ(((changed - table).abs().sum(1) != 0).sum().item<int64_t>(), 3);
  const auto h = torch::randn({2, table.size(1)}, torch::kFloat64);
  expect_equal(patch->head(h, h.mm(table.t())), h.mm(changed.t()));
  EXPECT_EQ(toy.method().num_trainable(), 3 * table.size(1));
  EXPECT_GT(test::difference(logits(*toy.decoder), base_logits), 1e-3);
  EXPECT_FALSE(lab::merged_model(*toy.decoder, toy.set).untied_head);
  Read read(toy, "models/llama_tied", torch::kFloat64);
  EXPECT_TRUE(torch::equal(logits(read.decoder), logits(*toy.decoder)));
}

TEST(TokenRows, GradientReachesTheChosenRowsAlone) {
  test::Toy toy(with_name("trainable_tokens", R"("token_ids":[20,3])"), torch::kFloat64);
  const auto table = toy.decoder->weights().embedding->base.value();
  const auto patch = std::dynamic_pointer_cast<TablePatch>(toy.method().filled().at(0).patch);
  const auto ids = torch::tensor({3, 5, 3, 20});
  auto x = test::leaf(table.index_select(0, ids));
  test::expect_differences([&] { return patch->rows(ids, x); }, {x, patch->parameters().at(0)});
}

TEST(TokenRows, GoWithLora) {
  const std::string lora = R"("rank":2,"targets":["q_proj"],"trainable_token_indices":)";
  test::Toy toy(with_name("lora", lora + R"({"embed_tokens":[5,9]})"));
  EXPECT_TRUE(toy.method().adapter("b").tensors.contains(
      "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta"));
  EXPECT_EQ(toy.method().adapter("b").config.find("trainable_token_indices")->fields().items().size(), 1u);
  EXPECT_THAT(mistakes_of("lora", lora + "[5,5]"),
              HasSubstr("/method/trainable_token_indices: expected a list of distinct token ids"));
  EXPECT_THAT(mistakes_of("lora", lora + R"({"lm_head":[5]})"),
              HasSubstr("'lm_head' is not the embedding table, whose rows alone can be trained"));
  EXPECT_THAT(mistakes_of("lora", lora + "[128]"),
              HasSubstr("trainable_token_indices: 128 is outside the vocabulary; expected 0 to 127"));
  EXPECT_THAT(mistakes_of("lora", R"("rank":2,"targets":["embed_tokens"],"trainable_token_indices":[5])"),
              HasSubstr("'model.embed_tokens' is trained already, as a target or in modules_to_save"));
}

TEST(TokenRows, RefuseWrongIds) {
  for (const char* wrong : {"", R"("token_ids":[])", R"("token_ids":[4,-1])", R"("token_ids":[4,4])"}) {
    EXPECT_THAT(mistakes_of("trainable_tokens", wrong),
                HasSubstr("/method/token_ids: expected a list of distinct ids from 0"))
        << wrong;
  }
  const auto wrong_kind = mistakes_of("trainable_tokens", R"("token_ids":"four")");
  EXPECT_THAT(wrong_kind,
              AllOf(HasSubstr("/method/token_ids: expected a list of integers"), Not(HasSubstr("distinct"))));
  EXPECT_THAT(mistakes_of("trainable_tokens", R"("token_ids":[128])"),
              HasSubstr("token_ids: 128 is outside the vocabulary; expected 0 to 127"));
  EXPECT_THAT(mistakes_of("trainable_tokens", R"("token_ids":[1],"target":"lm_head")"),
              HasSubstr("target: rows are trained of the embedding table alone; expected 'model.embed_tokens'"));
  test::Toy toy(with_name("trainable_tokens", R"("token_ids":[4])"), torch::kFloat32, 0, "models/llama_tied");
  auto adapter = toy.method().adapter("b");
  adapter.tensors.at("base_model.model.lm_head.trainable_tokens_delta").add_(1.0);
  EXPECT_THAT(test::message_of([&] { toy.method().load(adapter, "some/folder"); }),
              HasSubstr("some/folder: tensor 'base_model.model.lm_head.trainable_tokens_delta' differs from"));
}

TEST(TableRows, OfPeftsFixturesMergeAsThere) {
  for (const char* name : {"dora_embedding", "lora_gemma_embedding", "lora_gemma_whole_table", "lora_trainable_tokens",
                           "lora_trainable_tokens_tied", "trainable_tokens", "trainable_tokens_tied"}) {
    const auto folder = std::string("methods/") + name;
    const auto meta = io::read_json(test::golden(folder + "/meta.json")).value;
    model::Decoder decoder(*model::open_weights(test::golden(meta.at("base"))), torch::kFloat32, torch::kCPU);
    const auto set = lab::attach_adapter(decoder, test::golden(folder), nullptr);
    const auto known = test::golden_tensors(folder + "/io.safetensors").at("merged.model.embed_tokens.weight");
    expect_equal(lab::merged_model(decoder, set).tensors.at("model.embed_tokens.weight"), known, 1e-5);
  }
}

}  // namespace
}  // namespace peftlab
