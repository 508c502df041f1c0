// The output head among the matrices of methods whose updates are not low-rank: its frozen weight stands beside what is
// trained on it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/lab/method_options.h"
#include "tests/lab/patched.h"

namespace peftlab {
namespace {

using test::logits;
using test::message_of;
using test::Read;
using test::with_name;
using testing::HasSubstr;

constexpr const char* kBase = "base_model.model.lm_head.base_layer.weight";

class Head : public testing::TestWithParam<std::pair<const char*, const char*>> {
 protected:
  static std::string options() {
    const auto [name, more] = GetParam();
    return with_name(name, std::string(R"("targets":["q_proj","lm_head"])") + more);
  }
  test::Toy toy_{options(), torch::kFloat64};
  torch::Tensor frozen_ = toy_.decoder->weights().head->base.weight();
};

TEST_P(Head, IsSavedWithItsFrozenWeight) {
  toy_.perturb(0.1);
  toy_.method().train(false);
  const auto saved = toy_.method().adapter("b").tensors;
  ASSERT_TRUE(saved.contains(kBase));
  EXPECT_TRUE(torch::equal(saved.at(kBase), frozen_));
  Read read(toy_, "models/llama", torch::kFloat64);
  EXPECT_TRUE(torch::equal(logits(read.decoder), logits(*toy_.decoder)));
}

TEST_P(Head, IsReadWithItsFrozenWeightOrWithout) {
  toy_.perturb(0.1);
  const auto before = logits(*toy_.decoder);
  auto adapter = toy_.method().adapter("b");
  adapter.tensors.at(kBase) = frozen_.to(torch::kBFloat16);
  toy_.method().load(adapter, "x");
  adapter.tensors.erase(kBase);
  toy_.method().load(adapter, "x");
  EXPECT_TRUE(torch::equal(logits(*toy_.decoder), before));
}

TEST_P(Head, OfAnotherBaseIsRefused) {
  auto adapter = toy_.method().adapter("b");
  adapter.tensors.at(kBase).add_(1.0);
  EXPECT_THAT(
      message_of([&] { toy_.method().load(adapter, "x"); }),
      HasSubstr(std::string("x: tensor '") + kBase + "' is not the base model's: the adapter belongs to another"));
}

INSTANTIATE_TEST_SUITE_P(Of, Head,
                         testing::Values(std::pair("oft", R"(,"block_size":4)"), std::pair("loha", R"(,"rank":2)"),
                                         std::pair("lokr", R"(,"rank":2)"), std::pair("vera", R"(,"rank":4)"),
                                         std::pair("ia3", R"(,"feedforward":[])")),
                         [](const auto& info) { return std::string(info.param.first); });

}  // namespace
}  // namespace peftlab
