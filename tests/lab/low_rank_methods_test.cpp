// Low-rank methods on a tiny model: what DoRA computes, starts from a decomposition, rows of the table, PEFT's
// configurations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <fstream>

#include "core/lab/merge.h"
#include "core/plugin/json_value.h"
#include "peftlab/low_rank.h"
#include "tests/support/read_again.h"
#include "tests/support/tolerance.h"

namespace peftlab {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kQuery = "model.layers.0.self_attn.q_proj";

std::string with_name(const std::string& name, const std::string& more) {
  return R"({"name":")" + name + "\"" + (more.empty() ? "" : "," + more) + "}";
}

std::string mistakes_of(const std::string& name, const std::string& more, const std::string& model = "models/llama") {
  return test::message_of([&] { test::Toy toy(with_name(name, more), torch::kFloat32, 0, model); });
}

// One matrix of a float64 toy with its patch.
struct Patched {
  test::Toy toy;
  const FrozenLinear* base = nullptr;
  std::shared_ptr<WeightPatch> patch;
  torch::Tensor x;  // (5, in)

  explicit Patched(const std::string& options, const std::string& model = "models/llama",
                   const std::string& module = kQuery)
      : toy(options, torch::kFloat64, /*seed=*/1, model) {
    for (const auto& slot : toy.decoder->weights().linears()) {
      if (slot.base.name() == module) base = &slot.base;
    }
    for (const auto& point : toy.method().filled()) {
      if (point.name == module) patch = std::dynamic_pointer_cast<WeightPatch>(point.patch);
    }
    torch::manual_seed(4);
    x = torch::randn({5, base->in()}, torch::kFloat64);
  }
  torch::Tensor tensor(const std::string& name) const { return patch->named_parameters()[name]; }
  torch::Tensor bias() const {
    return base->bias().defined() ? base->bias() : torch::zeros({base->out()}, torch::kFloat64);
  }
};

void expect_equal(const torch::Tensor& got, const torch::Tensor& expected, double allowed = 1e-12) {
  EXPECT_LT(test::difference(got, expected), allowed * (1.0 + expected.abs().max().item<double>()));
}

using test::Read;

torch::Tensor logits(model::Decoder& decoder) {
  const torch::NoGradGuard no_grad;
  return decoder.logits(decoder.hidden(model::make_batch(test::sharing_sequences(2, 5), false)));
}

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
              HasSubstr("/method/init: expected true, \"gaussian\", \"pissa\", \"pissa_niter_N\""));
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
  EXPECT_THAT(test::message_of([&] { lab::attach_adapter(decoder, folder / "adapter", nullptr); }),
              HasSubstr("init: 'pissa_niter_4' of an adapter that is read drew random numbers"));
}

TEST(Ranks, AboveAMatrixAreRefusedWithItsNameAndSize) {
  EXPECT_THAT(
      mistakes_of("lora", R"("rank":17,"targets":["q_proj","v_proj"])"),
      HasSubstr(
          "rank: 17 is above that of 'model.layers.0.self_attn.v_proj', a matrix of 16 x 32; expected at most 16"));
  EXPECT_EQ(mistakes_of("lora", R"("rank":17,"targets":["q_proj","v_proj"],"rank_pattern":{"v_proj":16})"),
            "nothing was thrown");
}

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
  for (const char* name : {"dora_embedding", "lora_trainable_tokens", "lora_trainable_tokens_tied", "trainable_tokens",
                           "trainable_tokens_tied"}) {
    const auto folder = std::string("methods/") + name;
    const auto meta = io::read_json(test::golden(folder + "/meta.json")).value;
    model::Decoder decoder(*model::open_weights(test::golden(meta.at("base"))), torch::kFloat32, torch::kCPU);
    const auto set = lab::attach_adapter(decoder, test::golden(folder), nullptr);
    const auto known = test::golden_tensors(folder + "/io.safetensors").at("merged.model.embed_tokens.weight");
    expect_equal(lab::merged_model(decoder, set).tensors.at("model.embed_tokens.weight"), known, 1e-5);
  }
}

TEST(PeftConfigurations, AreReadByOneMethodOrRefusedWithTheReason) {
  const fs::path experiments = fs::path(PEFTLAB_SOURCE_DIR) / "../shared/peft/experiments";
  if (!fs::is_directory(experiments)) GTEST_SKIP() << "no ../shared/peft/experiments beside the checkout";
  const std::map<std::string, std::string> refused = {{"llama-3.2-3B-rank14-target-mlp-bdlora", "field 'use_bdlora'"},
                                                      {"llama-3.2-3B-rank32-kasa", "field 'kasa_config'"},
                                                      {"llama-3.2-3B-rank32-mica", "init: expected true"}};
  int num_read = 0;
  for (const char* kind : {"lora", "adalora", "trainable_tokens"}) {
    for (const auto& entry : fs::directory_iterator(experiments / kind)) {
      const auto name = entry.path().filename().string();
      const Adapter adapter{plugin::to_fields(io::read_json(entry.path() / "adapter_config.json").value), {}};
      std::string read_by;
      const auto message = test::message_of([&] { read_by = plugin::create_from_adapter(adapter, name).name(); });
      if (const auto reason = refused.find(name); reason != refused.end()) {
        EXPECT_THAT(message, HasSubstr(reason->second)) << name;
        continue;
      }
      EXPECT_EQ(read_by, name.ends_with("-dora") ? "dora" : kind) << message;
      ++num_read;
    }
  }
  EXPECT_GE(num_read, 9);
}

TEST(PeftConfigurations, WithoutTargetsMeanQueryAndValue) {
  Adapter adapter;
  adapter.config = plugin::to_fields(io::parse_json(R"({"peft_type":"LORA","r":2,"target_modules":null})", "x").value);
  auto made = plugin::create_from_adapter(adapter, "x");
  model::Decoder decoder(*model::open_weights(test::golden("models/llama")), torch::kFloat32, torch::kCPU);
  std::vector<plugin::CreatedMethod> created;
  created.push_back(std::move(made));
  const auto set = lab::attach_methods(decoder, std::move(created), 0, nullptr);
  EXPECT_EQ(set.methods.front()->filled().size(), 4u);
  EXPECT_EQ(set.methods.front()->adapter("b").config.find("target_modules")->texts().front(), kQuery);
}

}  // namespace
}  // namespace peftlab
