// Adapters folded into their models: equal to what PEFT merges, and to the model with the adapter beside it.
#include "core/lab/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>

#include "core/model/export/export.h"
#include "tests/support/golden.h"
#include "tests/support/scratch.h"
#include "tests/support/tolerance.h"

namespace peftlab::lab {
namespace {

namespace fs = std::filesystem;
using test::golden;
using test::message_of;
using testing::HasSubstr;

const std::vector<std::vector<int64_t>> kPrompts = {{1, 5, 9, 70, 3}, {1, 64, 2, 31, 90, 17, 101}};

class Merge : public testing::Test {
 protected:
  void SetUp() override { ::setenv("PEFTLAB_METHODS", (std::string(PEFTLAB_BUILD_DIR) + "/methods").c_str(), /*overwrite=*/1); }
  void TearDown() override { ::unsetenv("PEFTLAB_METHODS"); }
};

class MergeGolden : public Merge, public testing::WithParamInterface<std::pair<const char*, const char*>> {};

/// What rounding W + change once may move a logit by: each of `terms` products is off by a rounding of its weight, and the model
/// is `depth` matrices deep.
double allowed(const model::Decoder& decoder, double largest_logit) {
  const auto& shape = decoder.spec().shape;
  return test::tolerance(torch::kFloat32, std::max(largest_logit, 1.0), shape.mlp_width, static_cast<int>(7 * shape.num_layers));
}

TEST_P(MergeGolden, EqualsPeftAndTheUnmergedModel) {
  const auto [name, base] = GetParam();
  model::Decoder decoder(*model::open_weights(golden(std::string("models/") + base)), torch::kFloat32, torch::kCPU);
  const auto methods = attach_adapter(decoder, golden(std::string("methods/") + name), nullptr);
  const auto merged = merged_model(decoder, methods);
  EXPECT_FALSE(merged.changed.empty());

  int compared = 0;
  for (const auto& [key, expected] : test::golden_tensors("lab/merged.safetensors")) {
    if (key.substr(0, key.find('/')) != name) continue;
    const auto& actual = merged.tensors.at(key.substr(key.find('/') + 1));
    EXPECT_LE(test::difference(actual, expected), test::tolerance(torch::kFloat32, test::magnitude(expected), 8)) << key;
    ++compared;
  }
  EXPECT_EQ(compared, 1);

  const test::Scratch scratch;
  model::write_hugging_face(scratch / "hf", merged.spec, merged.tensors, torch::kFloat32, golden(std::string("models/") + base));
  const model::Decoder written(*model::open_weights(scratch / "hf"), torch::kFloat32, torch::kCPU);
  const auto check = check_merged(decoder, written, kPrompts);
  EXPECT_LE(check.largest_change, allowed(decoder, check.largest_logit));
  EXPECT_GT(check.adapter_change, 100 * allowed(decoder, check.largest_logit));
  EXPECT_EQ(check.num_tokens, 12);
  EXPECT_EQ(merged.untied_head, std::string(name) == "lora_tied_embedding");
  EXPECT_EQ(merged.tensors.contains("lm_head.weight"), !merged.spec.shape.tied_head);
}

INSTANTIATE_TEST_SUITE_P(Lora, MergeGolden,
                         testing::Values(std::pair("lora", "llama"), std::pair("lora_all_linear", "llama"), std::pair("lora_bias_all", "llama_bias"),
                                         std::pair("lora_bias_lora_only", "qwen2"), std::pair("lora_dropout", "llama"),
                                         std::pair("lora_embedding", "llama"), std::pair("lora_layers", "llama"),
                                         std::pair("lora_modules_to_save", "llama"), std::pair("lora_patterns", "llama"),
                                         std::pair("lora_regex", "llama"), std::pair("lora_rslora", "llama"),
                                         std::pair("lora_target_parameters", "llama"), std::pair("lora_tied_embedding", "llama_tied"),
                                         std::pair("lora_gpt2", "gpt2"), std::pair("lora_gpt2_all", "gpt2"), std::pair("lora_gpt_neo", "gpt_neo"),
                                         std::pair("lora_gemma2", "gemma2"), std::pair("lora_phi3", "phi3")),
                         [](const auto& info) { return std::string(info.param.first); });

TEST_F(Merge, RefusesByNameWhatNoWeightCanHold) {
  model::Decoder decoder(*model::open_weights(golden("models/llama")), torch::kFloat32, torch::kCPU);
  const auto methods = attach_adapter(decoder, golden("methods/lora_lora_bias"), nullptr);
  EXPECT_THAT(message_of([&] { merged_model(decoder, methods); }),
              testing::MatchesRegex("method 'lora': cannot be merged: it changes more than the weight of "
                                    "model.layers.0.self_attn.q_proj and [0-9]+ more; use the adapter beside its model instead"));
}

TEST_F(Merge, AnEmptySetChangesNothing) {
  const model::Decoder decoder(*model::open_weights(golden("models/llama")), torch::kFloat32, torch::kCPU);
  const auto merged = merged_model(decoder, {});
  EXPECT_TRUE(merged.changed.empty());
  EXPECT_EQ(merged.tensors.size(), decoder.weights().parameters().size());
}

/// A patch of the table whose head follows its rows, does not, or is no matrix.
class Table final : public TablePatch {
 public:
  enum class Head { kFollows, kStays, kBends };
  Table(Head head, torch::Tensor table) : head_(head), table_(std::move(table)), weight_(register_parameter("weight", torch::full({1}, 2.0F))) {}
  torch::Tensor rows(const torch::Tensor&, const torch::Tensor& x) override { return x * weight_; }
  torch::Tensor head(const torch::Tensor& h, const torch::Tensor& logits) override {
    if (head_ == Head::kStays) return logits;
    return head_ == Head::kFollows ? at::linear(h, table_ * weight_) : logits + 1.0;
  }
  std::optional<torch::Tensor> merged(const torch::Tensor& table) const override { return table * weight_; }

 private:
  Head head_;
  torch::Tensor table_, weight_;
};

class TableMethod final : public Method {
 public:
  explicit TableMethod(Table::Head head) : head_(head) {}
  void attach(InjectionPoints& points, const Adapter*) override {
    points.fill_table(std::make_shared<Table>(head_, points.embedding_table()));
  }

 private:
  Table::Head head_;
};

MergedModel merged_table(model::Decoder& decoder, Table::Head head) {
  static const MethodEntry entry = {"table", "", "", false, nullptr, nullptr, nullptr};
  MethodSet set;
  set.points = std::make_unique<plugin::DecoderPoints>(decoder, /*seed=*/0, plugin::DecoderPoints::Encode());
  plugin::CreatedMethod created;
  created.library.entry = &entry;
  created.library.path = "table.so";
  created.method = std::make_shared<TableMethod>(head);
  created.options = io::Json::object();
  created.where = "test";
  set.methods.push_back(std::make_unique<plugin::AttachedMethod>(std::move(created), *set.points));
  return merged_model(decoder, set);
}

TEST_F(Merge, ATiedHeadStaysTiedOnlyWhereItFollowsTheTable) {
  for (const auto head : {Table::Head::kFollows, Table::Head::kStays}) {
    const auto source = model::open_weights(golden("models/llama_tied"));
    model::Decoder decoder(*source, torch::kFloat32, torch::kCPU);
    const auto table = source->read("model.embed_tokens.weight", torch::kFloat32);
    const auto merged = merged_table(decoder, head);
    EXPECT_TRUE(torch::equal(merged.tensors.at("model.embed_tokens.weight"), table * 2));
    EXPECT_EQ(merged.untied_head, head == Table::Head::kStays);
    EXPECT_EQ(merged.spec.shape.tied_head, head == Table::Head::kFollows);
    if (merged.untied_head) {
      EXPECT_TRUE(torch::equal(merged.tensors.at("lm_head.weight"), table));
    }
  }
  model::Decoder decoder(*model::open_weights(golden("models/llama_tied")), torch::kFloat32, torch::kCPU);
  EXPECT_THAT(message_of([&] { merged_table(decoder, Table::Head::kBends); }),
              HasSubstr("changes the output head, tied to the table, in a way that no matrix holds"));
}

}  // namespace
}  // namespace peftlab::lab
