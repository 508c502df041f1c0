// Low-rank adapters written as GGUF files: what is in them, what comes back, and what is refused.
#include "core/lab/gguf_adapter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/io/gguf.h"
#include "core/lab/child_process.h"
#include "tests/lab/patched.h"

namespace peftlab {
namespace {

namespace fs = std::filesystem;
using lab::write_gguf_adapter;
using test::Toy;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kAll = R"({"name":"lora","rank":4,"alpha":8,"targets":"all-linear"})";

/// A toy whose adapter was moved off its start and written to a file.
struct Written {
  test::Scratch folder;
  fs::path file = folder / "adapter.gguf";
  std::string model;
  Toy toy;
  lab::WrittenGgufAdapter about;

  explicit Written(const std::string& options, const std::string& model = "models/llama", double size = 0.1)
      : model(model), toy(options, torch::kFloat32, 0, model) {
    toy.perturb(size);
    toy.method().train(false);
    about = write_gguf_adapter(file, *toy.decoder, toy.set, "the base");
  }
  model::Decoder base() const {
    return model::Decoder(*model::open_weights(test::golden(model)), torch::kFloat32, torch::kCPU);
  }
};

torch::Tensor tensor_in(const io::GgufFile& file, const std::string& name) {
  const auto& tensor = file.at(name);
  EXPECT_EQ(tensor.type, io::GgmlType::kF32);
  return torch::from_blob(const_cast<std::byte*>(tensor.data), tensor.shape, torch::kFloat32).clone();
}

class Architectures : public testing::TestWithParam<const char*> {};

TEST_P(Architectures, ReadBackToTheBit) {
  const Written written(kAll, std::string("models/") + GetParam());
  EXPECT_EQ(written.about.alpha, 8.0);
  EXPECT_EQ(written.about.num_folded, 0);
  auto decoder = written.base();
  const auto set = lab::attach_adapter(decoder, written.file, nullptr);
  const auto ours = written.toy.set.methods.front()->adapter("b").tensors,
             theirs = set.methods.front()->adapter("b").tensors;
  ASSERT_EQ(ours.size(), theirs.size());
  EXPECT_EQ(static_cast<int64_t>(ours.size()), 2 * written.about.num_updates);
  for (const auto& [name, tensor] : ours) EXPECT_TRUE(torch::equal(tensor, theirs.at(name))) << name;
  EXPECT_TRUE(torch::equal(test::logits(decoder), test::logits(*written.toy.decoder)));
}

INSTANTIATE_TEST_SUITE_P(Of, Architectures,
                         testing::Values("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "phi3", "gpt2"),
                         [](const auto& info) { return std::string(info.param); });

TEST(GgufAdapter, HoldsWhatLlamaCppAsksFor) {
  const Written written(R"({"name":"lora","rank":4,"alpha":6,"targets":["q_proj","k_proj","v_proj","down_proj"]})");
  EXPECT_EQ(written.about.architecture, "llama");
  const io::GgufFile file(written.file);
  EXPECT_EQ(file.text("general.type"), "adapter");
  EXPECT_EQ(file.text("general.architecture"), "llama");
  EXPECT_EQ(file.text("adapter.type"), "lora");
  EXPECT_EQ(file.kind("adapter.lora.alpha"), io::GgufKind::kFloat32);
  EXPECT_EQ(file.number("adapter.lora.alpha"), 6.0);
  EXPECT_EQ(file.text("general.base_model.0.name"), "the base");
  EXPECT_EQ(file.tensors().size(), 16u);
  const auto& shape = written.toy.decoder->spec().shape;
  const int64_t half = shape.head_width / 2;
  const auto tensors = written.toy.set.methods.front()->adapter("b").tensors;
  for (const auto& [theirs, ours, heads] :
       {std::tuple("attn_q", "self_attn.q_proj", shape.num_heads),
        std::tuple("attn_k", "self_attn.k_proj", shape.num_kv_heads),
        std::tuple("attn_v", "self_attn.v_proj", int64_t{0}), std::tuple("ffn_down", "mlp.down_proj", int64_t{0})}) {
    const auto prefix = std::string("base_model.model.model.layers.1.") + ours;
    const auto name = std::string("blk.1.") + theirs + ".weight";
    EXPECT_TRUE(torch::equal(tensor_in(file, name + ".lora_a"), tensors.at(prefix + ".lora_A.weight"))) << name;
    const auto b = tensor_in(file, name + ".lora_b"), own = tensors.at(prefix + ".lora_B.weight");
    EXPECT_EQ(b.sizes(), own.sizes());
    for (int64_t row = 0; heads == 0 && row < own.size(0); ++row) EXPECT_TRUE(torch::equal(b[row], own[row])) << name;
    for (int64_t head = 0; head < heads; ++head) {
      for (int64_t i = 0; i < half; ++i) {
        const int64_t begin = head * shape.head_width;
        EXPECT_TRUE(torch::equal(b[begin + 2 * i], own[begin + i])) << name;
        EXPECT_TRUE(torch::equal(b[begin + 2 * i + 1], own[begin + i + half])) << name;
      }
    }
  }
}

TEST(GgufAdapter, RanksOfTheirOwnNeedNothing) {
  const Written written(
      R"({"name":"lora","rank":4,"alpha":6,"targets":["q_proj","v_proj"],"rank_pattern":{"v_proj":2,"layers.0.self_attn.q_proj":3}})");
  EXPECT_EQ(written.about.num_folded, 0);
  auto decoder = written.base();
  const auto set = lab::attach_adapter(decoder, written.file, nullptr);
  EXPECT_EQ(set.methods.front()->num_trainable(), written.toy.set.num_trainable());
  EXPECT_TRUE(torch::equal(test::logits(decoder), test::logits(*written.toy.decoder)));
}

TEST(GgufAdapter, RankStabilisedScalesAreInAlpha) {
  const Written written(R"({"name":"lora","rank":4,"alpha":6,"rslora":true,"targets":["q_proj","v_proj"]})");
  EXPECT_EQ(written.about.alpha, 12.0);  // 6 / sqrt(4) * 4
  EXPECT_EQ(written.about.num_folded, 0);
  auto decoder = written.base();
  const auto set = lab::attach_adapter(decoder, written.file, nullptr);
  EXPECT_TRUE(torch::equal(test::logits(decoder), test::logits(*written.toy.decoder)));
}

TEST(GgufAdapter, AlphasOfTheirOwnAreFoldedIntoB) {
  const Written written(
      R"({"name":"lora","rank":4,"alpha":6,"targets":["q_proj","v_proj","k_proj"],"alpha_pattern":{"v_proj":9,"layers.0.self_attn.k_proj":0}})");
  EXPECT_EQ(written.about.alpha, 6.0);
  EXPECT_EQ(written.about.num_folded, 3);
  const io::GgufFile file(written.file);
  EXPECT_EQ(tensor_in(file, "blk.0.attn_k.weight.lora_b").abs().max().item<float>(), 0.0F);
  auto decoder = written.base();
  const auto set = lab::attach_adapter(decoder, written.file, nullptr);
  test::expect_equal(test::logits(decoder), test::logits(*written.toy.decoder), 1e-5);
}

TEST(GgufAdapter, WritesEveryMethodThatIsALowRankUpdate) {
  for (const char* options : {R"({"name":"vera","rank":8,"targets":["q_proj","v_proj"]})",
                              R"({"name":"loha","rank":2,"targets":["q_proj","v_proj"]})",
                              R"({"name":"adalora","init_rank":4,"target_rank":2,"targets":["q_proj","v_proj"]})",
                              R"({"name":"lora","rank":3,"init":"pissa","targets":["q_proj","v_proj"]})",
                              R"({"name":"lora","rank":3,"targets":["embed_tokens","q_proj"]})"}) {
    SCOPED_TRACE(options);
    const Written written(options, "models/llama", 0.3);
    auto decoder = written.base();
    const auto set = lab::attach_adapter(decoder, written.file, nullptr);
    test::expect_equal(test::logits(decoder), test::logits(*written.toy.decoder), 1e-5);
  }
}

TEST(GgufAdapter, PrunedMatricesAreLeftOut) {
  Toy toy(R"({"name":"adalora","init_rank":2,"target_rank":1,"targets":["q_proj","v_proj"]})");
  const test::Scratch folder;
  toy.method().method().begin({10, 1e-2});
  auto adapter = toy.method().adapter("b");
  Fields pattern;
  const std::string gone = "model.layers.0.self_attn.q_proj";
  for (const char* layer : {"0", "1"}) {
    for (const char* matrix : {"q_proj", "v_proj"}) {
      const auto module = std::string("model.layers.") + layer + ".self_attn." + matrix;
      pattern.set(module + ".lora_E", module == gone ? List{false, false} : List{true, true});
    }
  }
  adapter.config.set("rank_pattern", pattern);
  for (const char* part : {"A", "E"}) {
    auto& tensor = adapter.tensors.at("base_model.model." + gone + ".lora_" + part);
    tensor = tensor.narrow(0, 0, 0);
  }
  auto& b = adapter.tensors.at("base_model.model." + gone + ".lora_B");
  b = b.narrow(1, 0, 0).contiguous();
  plugin::write_adapter(folder / "adapter", adapter);
  model::Decoder decoder(*model::open_weights(test::golden("models/llama")), torch::kFloat32, torch::kCPU);
  const auto set = lab::attach_adapter(decoder, folder / "adapter", nullptr);
  EXPECT_EQ(write_gguf_adapter(folder / "a.gguf", decoder, set, "").num_updates, 3);
}

std::string refusal(const std::string& options, const std::string& model = "models/llama") {
  const test::Scratch folder;
  Toy toy(options, torch::kFloat32, 0, model);
  toy.method().train(false);
  const auto message = test::message_of([&] { write_gguf_adapter(folder / "a.gguf", *toy.decoder, toy.set, ""); });
  EXPECT_FALSE(fs::exists(folder / "a.gguf"));
  return message;
}

TEST(GgufAdapter, RefusesWhatIsMore) {
  EXPECT_THAT(refusal(R"({"name":"dora","rank":4,"targets":["q_proj","v_proj"]})"),
              AllOf(HasSubstr("method 'dora': cannot be written as a GGUF adapter: it is more than a low-rank update"),
                    HasSubstr("model.layers.0.self_attn.q_proj and 3 more; merge it into the model instead")));
  EXPECT_THAT(refusal(R"({"name":"dora","rank":4,"targets":["embed_tokens"]})"),
              HasSubstr("it is more than a low-rank update of the embedding table model.embed_tokens"));
  EXPECT_THAT(refusal(R"({"name":"lora","rank":4,"lora_bias":true,"targets":["q_proj"]})"), HasSubstr("a bias"));
  EXPECT_THAT(refusal(R"({"name":"ia3"})"), HasSubstr("method 'ia3': cannot be written as a GGUF adapter"));
  EXPECT_THAT(refusal(R"({"name":"lora","rank":4,"targets":["q_proj"],"modules_to_save":["norm"]})"),
              HasSubstr("it trains tensors of the model themselves: model.norm.weight"));
  EXPECT_THAT(refusal(R"({"name":"prompt_tuning","num_virtual_tokens":3})"),
              HasSubstr("it puts virtual tokens before every text"));
  EXPECT_THAT(refusal(R"({"name":"prefix_tuning","num_virtual_tokens":3})"),
              HasSubstr("it gives every layer keys and values of its own"));
  EXPECT_THAT(refusal(R"({"name":"lora","rank":4,"targets":["embed_tokens"]})", "models/llama_tied"),
              HasSubstr("which llama.cpp takes for one tensor here: model.embed_tokens"));
  EXPECT_THAT(refusal(kAll, "models/gpt_neo"), HasSubstr("llama.cpp has no model of architecture 'gpt_neo'"));
  EXPECT_THAT(refusal(kAll, "models/glm4"), HasSubstr("its adapters cannot be written as GGUF"));
}

// The Python package of llama.cpp reads the file, and the updates it holds are those of its own models' rows.
TEST(GgufAdapterPeer, ThePackageOfLlamaCppReadsTheSameUpdates) {
  const char* python = std::getenv("PEFTLAB_PEER_PYTHON");
  if (python == nullptr) GTEST_SKIP() << "PEFTLAB_PEER_PYTHON names no Python with gguf and safetensors";
  if (lab::run_child({python, "-c", "import gguf"}).status != 0) GTEST_SKIP() << python << " has no package gguf";
  for (const char* model : {"models/llama", "models/qwen2"}) {
    const Written written(kAll, model);
    plugin::write_adapter(written.folder / "adapter", written.toy.set.methods.front()->adapter("b"));
    const auto& shape = written.toy.decoder->spec().shape;
    const auto done = lab::run_child({python, std::string(PEFTLAB_SOURCE_DIR) + "/tests/lab/gguf_adapter_peer.py",
                                      written.file.string(), (written.folder / "adapter").string(),
                                      std::to_string(shape.num_heads), std::to_string(shape.num_kv_heads)});
    EXPECT_EQ(done.status, 0) << done.errors;
    EXPECT_EQ(done.output, "14 updates\n");
  }
}

}  // namespace
}  // namespace peftlab
