// What LoRA computes, against the formula in plain operations, on points without a model.
#include <cmath>

#include "core/plugin/adapter_folder.h"
#include "fake_points.h"
#include "peftlab/low_rank.h"
#include "support.h"

namespace peftlab::plugin {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kQuery = "model.layers.0.self_attn.q_proj";

std::string mistakes_of(const std::string& options) {
  return thrown<ConfigError>([&] { created("lora", options); });
}

// LoRA on float64 points, every trained tensor moved away from its start.
struct Perturbed {
  explicit Perturbed(const std::string& options) : points(1, false, torch::kFloat64), method(created("lora", options), points) {
    torch::NoGradGuard no_grad;
    auto generator = at::detail::createCPUGenerator(5);
    for (const auto& trained : method.trainable()) {
      torch::Tensor(trained.tensor).add_(torch::empty(trained.tensor.sizes(), torch::kFloat64).normal_(0.0, 0.5, generator));
    }
  }
  torch::Tensor tensor(const std::string& name) const {
    for (const auto& trained : method.trainable()) {
      if (trained.name == "base_model.model." + name) return trained.tensor;
    }
    return {};
  }
  torch::Tensor output(const std::string& module) {
    const auto& base = points.linear_named(module);
    return points.patch<WeightPatch>(module)->forward(base, input());
  }
  torch::Tensor base_output(const std::string& module) {
    const auto& base = points.linear_named(module);
    const auto y = input().matmul(base.weight().t());
    return base.bias().defined() ? y + base.bias() : y;
  }
  torch::Tensor update(const std::string& module) {
    return input().matmul(tensor(module + ".lora_A.weight").t()).matmul(tensor(module + ".lora_B.weight").t());
  }
  static torch::Tensor input() { return torch::arange(12, torch::kFloat64).reshape({3, 4}) / 7.0; }
  static void expect_close(const torch::Tensor& got, const torch::Tensor& expected) {
    EXPECT_TRUE(torch::allclose(got, expected, /*rtol=*/1e-12, /*atol=*/1e-12)) << got << expected;
  }

  FakePoints points;
  AttachedMethod method;
};

TEST(Lora, ComputesItsFormula) {
  Perturbed plain(R"({"rank":2,"alpha":6,"targets":["q_proj"]})");
  plain.expect_close(plain.output(kQuery), plain.base_output(kQuery) + 3.0 * plain.update(kQuery));
  Perturbed rooted(R"({"rank":4,"alpha":6,"targets":["q_proj"],"rslora":true})");
  rooted.expect_close(rooted.output(kQuery), rooted.base_output(kQuery) + 3.0 * rooted.update(kQuery));
  EXPECT_TRUE(rooted.points.patch<WeightPatch>(kQuery)->factors().has_value());
}

TEST(Lora, TrainsBiasesAsPeftDoes) {
  Perturbed own(R"({"rank":2,"alpha":4,"targets":["q_proj"],"lora_bias":true})");
  own.expect_close(own.output(kQuery), own.base_output(kQuery) + 2.0 * (own.update(kQuery) + own.tensor(std::string(kQuery) + ".lora_B.bias")));
  EXPECT_FALSE(own.points.patch<WeightPatch>(kQuery)->factors().has_value());
  Perturbed bases(R"({"rank":2,"alpha":4,"targets":["q_proj"],"bias":"lora_only"})");
  const auto& base = bases.points.linear_named(kQuery);
  bases.expect_close(bases.output(kQuery), bases.base_output(kQuery) - base.bias() + 2.0 * bases.update(kQuery) +
                                               bases.tensor(std::string(kQuery) + ".base_layer.bias"));
  Perturbed all(R"({"rank":2,"targets":["q_proj"],"bias":"all"})");
  EXPECT_TRUE(all.tensor("model.layers.0.self_attn.v_proj.bias").defined());
  EXPECT_FALSE(all.tensor("model.layers.0.self_attn.q_proj.bias").defined());
  EXPECT_FALSE(bases.tensor("model.layers.0.self_attn.v_proj.bias").defined());
}

TEST(Lora, MergesIntoWhatItComputes) {
  for (const char* more : {"", R"(,"lora_bias":true)", R"(,"bias":"lora_only")"}) {
    Perturbed lora(std::string(R"({"rank":3,"alpha":5,"targets":["q_proj"])") + more + "}");
    const auto merged = lora.points.patch<WeightPatch>(kQuery)->merged(lora.points.linear_named(kQuery));
    ASSERT_TRUE(merged.has_value());
    lora.expect_close(lora.input().matmul(merged->weight.t()) + merged->bias, lora.output(kQuery));
  }
  FakePoints points;
  AttachedMethod method(created("lora", R"({"rank":2,"targets":["down_proj"],"lora_bias":true})"), points);
  const std::string down = "model.layers.0.mlp.down_proj";
  EXPECT_FALSE(points.patch<WeightPatch>(down)->merged(points.linear_named(down)).has_value());
}

TEST(Lora, StartsAsTheBaseFromItsSeedAlone) {
  FakePoints one(3);
  FakePoints same(3);
  FakePoints other(4);
  AttachedMethod first(created("lora", R"({"targets":["q_proj","v_proj"],"rank":2})"), one);
  AttachedMethod second(created("lora", R"({"targets":["v_proj"],"rank":2})"), same);
  AttachedMethod third(created("lora", R"({"targets":["v_proj"],"rank":2})"), other);
  const auto a = first.trainable()[2].tensor;
  EXPECT_TRUE(torch::equal(a, second.trainable()[0].tensor));
  EXPECT_FALSE(torch::equal(a, third.trainable()[0].tensor));
  EXPECT_LE(a.abs().max().item<double>(), 0.5);
  EXPECT_GT(a.abs().max().item<double>(), 0.25);
  EXPECT_EQ(first.trainable()[3].tensor.abs().max().item<double>(), 0.0);
}

TEST(Lora, StartsAsAsked) {
  std::vector<torch::Tensor> drawn;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    FakePoints points(seed);
    drawn.push_back(AttachedMethod(created("lora", R"({"targets":["q_proj"],"rank":4,"init":"gaussian"})"), points).trainable()[0].tensor);
  }
  EXPECT_NEAR(torch::stack(drawn).std().item<double>(), 1.0 / 4.0, 0.02);  // 1600 numbers: four deviations of their spread
  FakePoints random_points;
  AttachedMethod random(created("lora", R"({"targets":["q_proj"],"rank":4,"init":"random","lora_bias":true})"), random_points);
  for (const auto& trained : random.trainable()) {
    EXPECT_GT(trained.tensor.abs().max().item<double>(), 0.0) << trained.name;
    EXPECT_LE(trained.tensor.abs().max().item<double>(), 0.5) << trained.name;
  }
  EXPECT_THAT(
      mistakes_of(R"({"init":"pizza"})"),
      AllOf(HasSubstr("/method/init: expected true, \"gaussian\", \"pissa\""), HasSubstr("got the string \"pizza\"")));
}

TEST(Lora, DropsInputsInTrainingAlone) {
  Perturbed lora(R"({"rank":2,"targets":["q_proj"],"dropout":0.5})");
  lora.method.train(true);
  EXPECT_FALSE(lora.points.patch<WeightPatch>(kQuery)->factors().has_value());
  EXPECT_FALSE(torch::allclose(lora.output(kQuery), lora.base_output(kQuery) + 4.0 * lora.update(kQuery)));
  lora.method.train(false);
  EXPECT_TRUE(lora.points.patch<WeightPatch>(kQuery)->factors().has_value());
  lora.expect_close(lora.output(kQuery), lora.base_output(kQuery) + 4.0 * lora.update(kQuery));
}

TEST(Lora, PatternsGiveRanksAndAlphasAndTheFirstCounts) {
  Perturbed lora(R"({"rank":4,"alpha":8,"targets":["q_proj","down_proj"],
                     "rank_pattern":{"layers\\.0\\.self_attn\\.q_proj":2,"q_proj":3},"alpha_pattern":{"0.self_attn.q_proj":6,"down_proj":9}})");
  EXPECT_EQ(lora.tensor("model.layers.0.self_attn.q_proj.lora_A.weight").size(0), 2);
  EXPECT_EQ(lora.tensor("model.layers.1.self_attn.q_proj.lora_A.weight").size(0), 3);
  EXPECT_EQ(lora.tensor("model.layers.1.mlp.down_proj.lora_A.weight").size(0), 4);
  lora.expect_close(lora.output(kQuery), lora.base_output(kQuery) + 3.0 * lora.update(kQuery));
}

TEST(Lora, EmbeddingIsPatchedByName) {
  FakePoints points;
  AttachedMethod method(created("lora", R"({"rank":2,"alpha":4,"targets":["embed_tokens","lm_head"]})"), points);
  const auto table = points.patch<TablePatch>("model.embed_tokens");
  ASSERT_NE(table, nullptr);
  torch::NoGradGuard no_grad;
  const auto ids = torch::tensor({3, 0, 9, 3});
  const auto x = points.embedding_table().index_select(0, ids);
  EXPECT_TRUE(torch::equal(table->rows(ids, x), x));
  for (auto& parameter : table->parameters()) parameter.normal_();
  EXPECT_TRUE(torch::allclose(table->rows(ids, x), table->merged(points.embedding_table())->index_select(0, ids)));
  EXPECT_FALSE(torch::allclose(table->rows(ids, x), x));
  const auto adapter = method.adapter("b");
  EXPECT_TRUE(torch::equal(adapter.tensors.at("base_model.model.model.embed_tokens.base_layer.weight"), points.embedding_table()));
  EXPECT_TRUE(adapter.tensors.contains("base_model.model.lm_head.base_layer.weight"));
  EXPECT_TRUE(adapter.tensors.contains("base_model.model.model.embed_tokens.lora_embedding_A"));
  method.load(adapter, "x");
  auto foreign = adapter;
  foreign.tensors.at("base_model.model.lm_head.base_layer.weight").add_(1.0);
  EXPECT_THAT(thrown<ConfigError>([&] { method.load(foreign, "x"); }), HasSubstr("the adapter belongs to another base"));
  FakePoints more;
  EXPECT_THAT(thrown<ConfigError>([&] { AttachedMethod(created("lora", R"({"targets":".*"})"), more); }),
              HasSubstr("the regular expression matches the embedding table 'model.embed_tokens'"));
}

TEST(Lora, SavesModulesWholeAndLeavesThemUnpatched) {
  FakePoints points;
  AttachedMethod method(created("lora", R"({"rank":2,"modules_to_save":["norm","v_proj"]})"), points);
  EXPECT_EQ(points.patch<WeightPatch>("model.layers.0.self_attn.v_proj"), nullptr);
  EXPECT_NE(points.patch<ParameterPatch>("model.layers.0.self_attn.v_proj.weight"), nullptr);
  EXPECT_NE(points.patch<ParameterPatch>("model.norm.weight"), nullptr);
  EXPECT_EQ(points.patch<WeightPatch>("lm_head"), nullptr);
}

TEST(Lora, RefusesWrongOptions) {
  EXPECT_THAT(mistakes_of(R"({"rank":0,"dropout":1.0,"bias":"some","rnak":1})"),
              AllOf(HasSubstr("/method/rank: expected an integer of at least 1"), HasSubstr("/method/dropout: expected a number"),
                    HasSubstr("/method/bias: expected one of 'none', 'lora_only', 'all'"), HasSubstr("did you mean 'rank'?")));
  EXPECT_THAT(mistakes_of(R"({"rank_pattern":{"q":1.5,"v":0,"(":2}})"),
              AllOf(HasSubstr("expected an integer from 1 to 65536 for 'q'"), HasSubstr("for 'v'"), HasSubstr("'(' is no regular expression")));
  EXPECT_THAT(mistakes_of(R"({"target_parameters":["q_proj.bias"]})"), HasSubstr("expected a name that ends in '.weight', got 'q_proj.bias'"));
  EXPECT_THAT(mistakes_of(R"({"target_parameters":["q_proj.weight"],"dropout":0.1})"), HasSubstr("does not go with target_parameters"));
  FakePoints points;
  EXPECT_THAT(
      thrown<ConfigError>([&] { AttachedMethod(created("lora", R"({"targets":["qproj"]})"), points); }),
      AllOf(HasSubstr(
                "test.json:1:12: /method/targets: 'qproj' matches no module; did you mean 'q_proj'?; the model has:"),
            HasSubstr("q_proj"), HasSubstr("lora.so")));
}

}  // namespace
}  // namespace peftlab::plugin
