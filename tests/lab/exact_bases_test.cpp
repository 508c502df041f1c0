// Frozen weights in an adapter when the model computes with rounded ones.
#include "core/lab/exact_bases.h"

#include <gtest/gtest.h>

#include "core/plugin/adapter_folder.h"
#include "tests/lab/method_options.h"
#include "tests/support/scratch.h"

namespace peftlab::lab {
namespace {

using test::golden;
using test::with_name;

constexpr const char* kHead = "base_model.model.lm_head.base_layer.weight";
constexpr const char* kTable = "base_model.model.model.embed_tokens.base_layer.weight";
const std::string kBoth = with_name("lora", R"("rank":2,"targets":["lm_head","embed_tokens"])");

Adapter written(test::Toy& toy, const model::WeightSource& source) {
  const test::Scratch scratch;
  write_adapters(toy.set, scratch / "adapter", {"base", ""}, source);
  return plugin::read_adapter(scratch / "adapter");
}

TEST(ExactBases, AreThoseOfTheFilesWhereTheModelHasThemRounded) {
  const auto source = model::open_weights(golden("models/llama"));
  test::Toy toy(kBoth, torch::kBFloat16);
  const auto adapter = written(toy, *source);
  EXPECT_TRUE(torch::equal(adapter.tensors.at(kHead), source->read("lm_head.weight", torch::kFloat32)));
  EXPECT_TRUE(torch::equal(adapter.tensors.at(kTable), source->read("model.embed_tokens.weight", torch::kFloat32)));
  toy.method().load(adapter, "x");
}

TEST(ExactBases, KeepTheTypeOfTheModelWhereThatHoldsThemExactly) {
  const auto source = model::open_weights(golden("models/llama_bf16"));
  for (const auto type : {torch::kBFloat16, torch::kFloat32}) {
    test::Toy toy(with_name("lora", R"("rank":2,"targets":["embed_tokens"])"), type, 0, "models/llama_bf16");
    const auto adapter = written(toy, *source);
    EXPECT_EQ(adapter.tensors.at(kTable).scalar_type(), type);
    EXPECT_TRUE(torch::equal(adapter.tensors.at(kTable), source->read("model.embed_tokens.weight", type)));
  }
}

TEST(ExactBases, LeaveWhatIsNotTheFilesAlone) {
  const auto source = model::open_weights(golden("models/llama"));
  const auto other = torch::ones({128, 32}, torch::kBFloat16);
  Adapter adapter;
  adapter.tensors = {{kHead, other}, {"base_model.model.lora.base_layer.weight", other}, {"lm_head.weight", other}};
  restore_exact_bases(adapter, *source);
  for (const auto& [name, tensor] : adapter.tensors) EXPECT_TRUE(tensor.is_same(other)) << name;
}

}  // namespace
}  // namespace peftlab::lab
