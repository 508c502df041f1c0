// What DoRA computes, on a tiny model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/lab/method_options.h"
#include "tests/lab/patched.h"

namespace peftlab {
namespace {

using test::expect_equal;
using test::mistakes_of;
using test::Patched;
using test::with_name;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kQuery = "model.layers.0.self_attn.q_proj";

TEST(Dora, ComputesItsFormulaWithTheNormHeldFixed) {
  for (const char* bias : {"none", "lora_only"}) {
    Patched one(with_name("dora", std::string(R"("rank":3,"alpha":6,"targets":["q_proj"],"bias":")") + bias + "\""),
                "models/llama_bias");
    one.toy.perturb(0.3);
    const auto a = one.tensor("lora_A.weight"), b = one.tensor("lora_B.weight"),
               m = one.tensor("lora_magnitude_vector");
    const auto own = std::string(bias) == "none" ? one.bias() : one.tensor("base_layer.bias");
    const auto changed = one.base->weight() + 2.0 * b.mm(a);
    const auto expected = (m / changed.norm(2, 1).detach()) * one.x.mm(changed.t()) + own;
    const auto y = one.patch->forward(*one.base, one.x);
    expect_equal(y, expected);
    const auto weights = torch::randn_like(y);
    const auto mine = test::gradients(y, weights, {a, b, m}), theirs = test::gradients(expected, weights, {a, b, m});
    for (size_t i = 0; i < mine.size(); ++i) expect_equal(mine[i], theirs[i]);
    const auto merged = one.patch->merged(*one.base);
    expect_equal(one.x.mm(merged->weight.t()) + merged->bias, expected);
    EXPECT_FALSE(one.patch->factors().has_value());
  }
}

TEST(Dora, StartsAsTheBaseToTheBit) {
  for (const char* init : {"true", "\"gaussian\""}) {
    Patched one(with_name("dora", std::string(R"("rank":3,"targets":["q_proj"],"init":)") + init));
    EXPECT_TRUE(torch::equal(one.patch->forward(*one.base, one.x), (*one.base)(one.x))) << init;
  }
}

TEST(Dora, ARowWithoutLengthStaysSo) {
  model::Decoder decoder(*model::open_weights(test::golden("models/llama")), torch::kFloat64, torch::kCPU);
  const auto& slots = decoder.weights().linears();
  const auto slot = std::find_if(slots.begin(), slots.end(), [](const auto& one) { return one.base.name() == kQuery; });
  slot->base.weight()[2].zero_();
  io::Mistakes mistakes;
  std::vector<plugin::CreatedMethod> created;
  const auto document = io::parse_json(with_name("dora", R"("rank":3,"targets":["q_proj"])"), "test.json");
  created.push_back(plugin::create_method(plugin::find_method("dora"), document, "", mistakes));
  const auto set = lab::attach_methods(decoder, std::move(created), 0, nullptr);
  const auto x = torch::ones({2, 32}, torch::kFloat64);
  EXPECT_TRUE(torch::equal((*slot)(x), slot->base(x)));
  EXPECT_EQ((*slot)(x).select(1, 2).abs().max().item<double>(), 0.0);
}

TEST(Dora, DropsInputsOfWhatItAddsAlone) {
  Patched one(with_name("dora", R"("rank":3,"targets":["q_proj"],"dropout":0.5)"));
  one.patch->train(true);
  // With m at the norm nothing is added, whatever is dropped.
  EXPECT_TRUE(torch::equal(one.patch->forward(*one.base, one.x), (*one.base)(one.x)));
  one.toy.perturb(0.3);
  const auto dropped = one.patch->forward(*one.base, one.x);
  one.patch->train(false);
  EXPECT_GT(test::difference(dropped, one.patch->forward(*one.base, one.x)), 1e-3);
}

TEST(Dora, NormsAreNotKeptPastAChange) {
  Patched one(with_name("dora", R"("rank":3,"targets":["q_proj"])"));
  const torch::NoGradGuard no_grad;
  one.patch->train(false);
  const auto before = one.patch->forward(*one.base, one.x);
  EXPECT_TRUE(torch::equal(one.patch->forward(*one.base, one.x), before));
  one.toy.perturb(0.3);
  const auto merged = one.patch->merged(*one.base);
  expect_equal(one.patch->forward(*one.base, one.x), one.x.mm(merged->weight.t()));
}

TEST(Dora, TableHasANormForEachColumn) {
  test::Toy toy(with_name("dora", R"("rank":3,"alpha":6,"targets":["embed_tokens"])"), torch::kFloat64);
  const auto table = toy.decoder->weights().embedding->base.value();
  const auto patch = std::dynamic_pointer_cast<TablePatch>(toy.method().filled().at(0).patch);
  const auto ids = torch::tensor({3, 0, 9, 3});
  const auto x = table.index_select(0, ids);
  EXPECT_TRUE(torch::equal(patch->rows(ids, x), x));
  toy.perturb(0.3);
  const auto named = patch->named_parameters();
  const auto changed = table + 2.0 * named["lora_embedding_B"].mm(named["lora_embedding_A"]).t();
  const auto expected = named["lora_magnitude_vector"] / changed.norm(2, 0) * changed;
  expect_equal(patch->rows(ids, x), expected.index_select(0, ids));
  expect_equal(*patch->merged(table), expected);
}

TEST(Dora, TrainsLoraPlusOneNumberForEachRow) {
  test::Toy toy(with_name("dora", R"("rank":4,"targets":"all-linear")")),
      plain(with_name("lora", R"("rank":4,"targets":"all-linear")"));
  int64_t rows = 0, factors = 0;
  for (const auto& slot : toy.decoder->weights().linears()) {
    if (slot.base.layer() < 0) continue;
    rows += slot.base.out();
    factors += 4 * (slot.base.in() + slot.base.out());
  }
  EXPECT_EQ(plain.method().num_trainable(), factors);
  EXPECT_EQ(toy.method().num_trainable(), factors + rows);
}

TEST(Dora, RefusesWhatItCannotDo) {
  EXPECT_THAT(mistakes_of("dora", R"("init":"pissa","rank":0,"dropout":1)"),
              AllOf(HasSubstr("/method/init: is for low-rank updates without a magnitude"),
                    HasSubstr("/method/rank: expected an integer"), HasSubstr("/method/dropout: expected a number")));
  EXPECT_THAT(mistakes_of("dora", R"("rank":17,"targets":["v_proj"])"),
              HasSubstr("'model.layers.0.self_attn.v_proj', a matrix of 16 x 32"));
  EXPECT_THAT(mistakes_of("dora", R"("targets":["qkv_proj"])"), HasSubstr("targets: 'qkv_proj' matches no module"));
}

}  // namespace
}  // namespace peftlab
