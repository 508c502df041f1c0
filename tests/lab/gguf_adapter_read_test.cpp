// GGUF adapters of others: what they mean, and which are refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "core/io/gguf.h"
#include "core/lab/gguf_adapter.h"
#include "peftlab/low_rank.h"
#include "tests/support/scratch.h"
#include "tests/support/tolerance.h"
#include "tests/support/toy.h"

namespace peftlab {
namespace {

namespace fs = std::filesystem;
using lab::read_adapter;
using testing::AllOf;
using testing::HasSubstr;

/// What is said of a file made from a good one's parts.
struct Forged {
  io::GgufMetadata metadata = {{"general.architecture", std::string("llama")},
                               {"general.type", std::string("adapter")},
                               {"adapter.type", std::string("lora")},
                               {"adapter.lora.alpha", 8.0F}};
  std::vector<std::pair<std::string, torch::Tensor>> tensors = {{"blk.0.attn_q.weight.lora_a", torch::ones({2, 32})},
                                                                {"blk.0.attn_q.weight.lora_b", torch::ones({32, 2})}};
  std::string model = "models/llama";

  void write(const fs::path& file) const {
    std::vector<io::GgufTensor> views;
    for (const auto& [name, tensor] : tensors) {
      views.push_back({name, io::GgmlType::kF32, tensor.sizes().vec(),
                       static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()});
    }
    io::write_gguf(file, metadata, views);
  }
  Adapter read() const {
    const test::Scratch folder;
    write(folder / "a.gguf");
    return read_adapter(folder / "a.gguf", model::open_weights(test::golden(model))->spec());
  }
  std::string message() const {
    return test::message_of([&] { read(); });
  }
};

TEST(GgufAdapterRead, TakesNoAlphaForAScaleOfOne) {
  for (const bool absent : {false, true}) {
    Forged file;
    file.metadata.pop_back();
    if (!absent) file.metadata.emplace_back("adapter.lora.alpha", 0.0F);
    file.tensors.emplace_back("blk.0.attn_v.weight.lora_a", torch::ones({3, 32}));
    file.tensors.emplace_back("blk.0.attn_v.weight.lora_b", torch::ones({16, 3}));
    file.tensors.emplace_back("blk.1.attn_v.weight.lora_a", torch::ones({3, 32}));
    file.tensors.emplace_back("blk.1.attn_v.weight.lora_b", torch::ones({16, 3}));
    const test::Scratch folder;
    file.write(folder / "a.gguf");
    model::Decoder decoder(*model::open_weights(test::golden("models/llama")), torch::kFloat64, torch::kCPU);
    const auto set = lab::attach_adapter(decoder, folder / "a.gguf", nullptr);
    ASSERT_EQ(set.methods.front()->filled().size(), 3u);
    for (const auto& point : set.methods.front()->filled())
      EXPECT_EQ(std::dynamic_pointer_cast<WeightPatch>(point.patch)->factors()->scale, 1.0) << point.name;
  }
}

TEST(GgufAdapterRead, KeepsTheAlphaThatWasMeant) {
  Forged file;
  file.metadata.back().second = 0.1F;
  EXPECT_EQ(file.read().config.find("lora_alpha")->number(), 0.1);
}

TEST(GgufAdapterRead, RefusesOtherFiles) {
  Forged file;
  file.metadata = {{"general.architecture", std::string("qwen2")}};
  EXPECT_THAT(file.message(), AllOf(HasSubstr("a.gguf: general.type is '', expected 'adapter'"),
                                    HasSubstr("adapter.type is '', expected 'lora'"),
                                    HasSubstr("general.architecture is 'qwen2', expected 'llama'")));
  file = {};
  file.metadata.emplace_back("adapter.alora.invocation_tokens", std::vector<int32_t>{1});
  EXPECT_THAT(file.message(), HasSubstr("is switched on by certain tokens"));
  file = {};
  file.metadata[3].second = std::numeric_limits<float>::infinity();
  EXPECT_THAT(file.message(), HasSubstr("adapter.lora.alpha is not finite"));
  file = {};
  file.model = "models/glm";
  EXPECT_THAT(file.message(), HasSubstr("a GGUF adapter cannot be for a model of architecture 'glm'"));
  file = {};
  file.tensors.clear();
  EXPECT_THAT(file.message(), HasSubstr("holds no tensors"));
  EXPECT_THAT(
      test::message_of([] { read_adapter("absent.gguf", model::open_weights(test::golden("models/llama"))->spec()); }),
      HasSubstr("absent.gguf"));
}

TEST(GgufAdapterRead, NamesEveryTensorThatDoesNotFit) {
  Forged file;
  file.tensors = {
      {"blk.0.attn_q.weight.lora_a", torch::ones({2, 32})}, {"blk.1.attn_q.weight.lora_a", torch::ones({2, 32})},
      {"blk.1.attn_q.weight.lora_b", torch::ones({30, 2})}, {"blk.1.attn_v.weight.lora_a", torch::ones({3, 32})},
      {"blk.1.attn_v.weight.lora_b", torch::ones({16, 2})}, {"blk.1.attn_x.weight.lora_b", torch::ones({16, 2})},
      {"blk.1.attn_norm.weight", torch::ones({32})},        {"lora_b", torch::ones({32})},
      {"blk.1.ffn_up.weight.lora_b", torch::ones({32})}};
  EXPECT_THAT(
      file.message(),
      AllOf(HasSubstr("'blk.0.attn_q.weight.lora_a' has no partner"),
            HasSubstr("'blk.1.attn_q.weight.lora_b' has 30 rows, expected 32: the adapter belongs to another base"),
            HasSubstr("'blk.1.attn_v.weight.lora_b' has the rank 2 and its .lora_a 3"),
            HasSubstr("'blk.1.attn_x.weight.lora_b' is not expected"),
            HasSubstr("'blk.1.attn_norm.weight' is not expected"), HasSubstr("'lora_b' is not expected"),
            HasSubstr("'blk.1.ffn_up.weight.lora_b' has 1 dimensions, expected 2")));
  file.tensors = {{"blk.9.attn_v.weight.lora_a", torch::ones({2, 32})},
                  {"blk.9.attn_v.weight.lora_b", torch::ones({16, 2})}};
  const test::Scratch folder;
  file.write(folder / "a.gguf");
  model::Decoder decoder(*model::open_weights(test::golden("models/llama")), torch::kFloat32, torch::kCPU);
  EXPECT_THAT(test::message_of([&] { lab::attach_adapter(decoder, folder / "a.gguf", nullptr); }),
              HasSubstr("'model.layers.9.self_attn.v_proj' matches no module"));
}

}  // namespace
}  // namespace peftlab
