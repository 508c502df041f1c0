// Methods beside the low-rank and the prompt family, on a tiny model: sizes, starts, gradients, merging, saving.
#include "tests/lab/patched.h"

namespace peftlab {
namespace {

using test::difference;
using test::expect_equal;
using test::logits;
using test::Patched;
using test::Read;
using test::Toy;

/// `count`: trained numbers by the closed formula, for width 32, keys and values 16, MLP 64, two layers.
struct Case {
  const char* name;
  const char* options;
  int64_t count;
  const char* model = "models/llama";
};

const Case kCases[] = {
    {"ia3", R"({"name":"ia3"})", 2 * (16 + 16 + 64)},
    {"ia3_biased", R"({"name":"ia3","targets":["q_proj","down_proj"]})", 2 * (32 + 64), "models/llama_bias"},
    {"ln_tuning", R"({"name":"ln_tuning"})", (2 * 2 + 1) * 32},
    {"ln_tuning_qwen2", R"({"name":"ln_tuning"})", 2 * 32, "models/qwen2"},
    {"bitfit", R"({"name":"bitfit"})", 2 * (3 * 32 + 2 * 16 + 2 * 64), "models/llama_bias"},
    {"bitfit_added", R"({"name":"bitfit","add_biases":true})", 2 * (3 * 32 + 2 * 16 + 2 * 64)},
    {"bitfit_mixed", R"({"name":"bitfit","add_biases":true,"targets":["q_proj","o_proj"]})", 2 * (32 + 32),
     "models/qwen2"},
    {"bitfit_linear", R"({"name":"bitfit","targets":"all-linear","layers":[1]})", 3 * 32 + 2 * 16 + 2 * 64,
     "models/llama_bias"},
    {"vera", R"({"name":"vera","rank":6})", 2 * (6 + 32 + 6 + 16)},
    {"vera_all", R"({"name":"vera","rank":40,"targets":"all-linear"})", 2 * (7 * 40 + 3 * 32 + 2 * 16 + 2 * 64),
     "models/llama_bias"},
    {"oft", R"({"name":"oft","block_size":8,"cayley_neumann":false})", 4 * 4 * 28},
    {"oft_series", R"({"name":"oft","num_blocks":2,"targets":["q_proj"]})", 2 * 2 * 120, "models/llama_bias"},
    {"oft_shared", R"({"name":"oft","block_size":4,"block_share":true,"neumann_terms":7,"targets":"all-linear"})",
     2 * 7 * 6},
    {"loha", R"({"name":"loha","rank":3,"alpha":6})", 2 * 2 * 3 * (64 + 48)},
    {"loha_dense", R"({"name":"loha","rank":8,"targets":["q_proj"]})", 2 * 2 * 8 * 64, "models/llama_bias"},
    {"lokr", R"({"name":"lokr","rank":2,"decompose_factor":4})", 2 * (16 + 2 * 16 + 16 + 2 * 12)},
    {"lokr_both", R"({"name":"lokr","rank":1,"decompose_both":true,"targets":["gate_proj"]})", 2 * (8 + 4 + 8 + 8),
     "models/llama_bias"},
    {"lokr_lycoris", R"({"name":"lokr","rank":64,"init":"lycoris","targets":["q_proj"]})", 2 * (4 * 4 + 8 * 8)},
    {"bottleneck", R"({"name":"bottleneck","size":4})", 2 * 2 * (4 * 32 + 4 + 32 * 4 + 32)},
    {"pfeiffer", R"({"name":"bottleneck","after":"mlp","reduction":8,"activation":"relu"})",
     2 * (4 * 32 + 4 + 32 * 4 + 32), "models/llama_bias"}};

class OtherMethod : public testing::TestWithParam<Case> {
 protected:
  Toy toy(uint64_t seed = 0) const { return Toy(GetParam().options, torch::kFloat64, seed, GetParam().model); }
  bool merges() const { return std::string(GetParam().options).find("bottleneck") == std::string::npos; }
};

TEST_P(OtherMethod, TrainsWhatTheFormulaCountsAndStartsAsTheBase) {
  auto one = toy();
  EXPECT_EQ(one.set.num_trainable(), GetParam().count);
  const auto start = logits(*one.decoder);
  one.perturb(0.2);
  EXPECT_GT(difference(logits(*one.decoder), start), 1e-6);
  const model::PatchesOff off(*one.decoder);
  expect_equal(start, logits(*one.decoder), 1e-13);
}

TEST_P(OtherMethod, GradientsAgreeWithDifferences) {
  Patched one(GetParam().options, GetParam().model);
  if (one.patch == nullptr) GTEST_SKIP() << "fills no matrix";
  one.toy.perturb(0.2);
  std::vector<torch::Tensor> inputs = {one.x.set_requires_grad(true)};
  for (const auto& parameter : one.patch->parameters()) inputs.push_back(parameter);
  test::expect_differences([&] { return one.output(); }, inputs);
}

TEST_P(OtherMethod, MergesIntoWhatItComputes) {
  auto one = toy();
  one.perturb(0.2);
  const torch::NoGradGuard no_grad;
  for (const auto& point : one.method().filled()) {
    const auto patch = std::dynamic_pointer_cast<WeightPatch>(point.patch);
    if (patch == nullptr) continue;
    for (const auto& slot : one.decoder->weights().linears()) {
      if (slot.base.name() != point.name) continue;
      const auto merged = patch->merged(slot.base);
      ASSERT_EQ(merged.has_value(), merges());
      if (!merged) continue;
      const auto x = torch::randn({2, 3, slot.base.in()}, torch::kFloat64);
      expect_equal(patch->forward(slot.base, x), at::linear(x, merged->weight, merged->bias));
    }
  }
}

TEST_P(OtherMethod, IsReadAsItWasSaved) {
  auto one = toy(/*seed=*/3);
  one.perturb(0.2);
  Read again(one, GetParam().model);
  EXPECT_EQ(again.set.num_trainable(), GetParam().count);
  // Files hold float32 or float64 as trained, so nothing is lost.
  expect_equal(logits(again.decoder), logits(*one.decoder), 1e-14);
}

INSTANTIATE_TEST_SUITE_P(Of, OtherMethod, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(OtherMethods, AreSavedWhateverTheTargets) {
  for (const char* name : {"ia3", "vera", "oft", "loha", "lokr"}) {
    for (const char* more : {R"("targets":"all-linear")", R"("targets":".*_proj","layers":[1])",
                             R"("targets":["layers.0.mlp.down_proj","q_proj"])",
                             R"("targets":["q_proj","down_proj"],"exclude":["layers.1.self_attn.q_proj"])",
                             R"("layers":[0])", R"("targets":["down_proj"],"init":"random")"}) {
      Toy toy(std::string(R"({"name":")") + name + "\"," + more + "}", torch::kFloat64);
      toy.perturb(0.2);
      Read again(toy, "models/llama");
      expect_equal(logits(again.decoder), logits(*toy.decoder), 1e-14);
      EXPECT_EQ(again.set.methods.front()->filled().size(), toy.method().filled().size()) << name << more;
    }
  }
}

}  // namespace
}  // namespace peftlab
