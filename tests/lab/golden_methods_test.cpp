// Adapters that PEFT saved, on the model: logits, loss, gradient of every trained tensor, greedy continuation.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "core/evaluate/generate.h"
#include "core/model/labels.h"
#include "tests/support/toy.h"

namespace peftlab {
namespace {

namespace fs = std::filesystem;

/// Every folder of tests/golden/methods that says what PEFT computed.
std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(test::golden("methods"))) {
    if (fs::exists(entry.path() / "io.safetensors")) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class GoldenMethod : public testing::TestWithParam<std::string> {
 protected:
  GoldenMethod()
      : meta_(io::read_json(test::golden(folder() + "/meta.json")).value),
        io_(test::golden_tensors(folder() + "/io.safetensors")),
        decoder_(*model::open_weights(test::golden(meta_.at("base"))), torch::kFloat32, torch::kCPU),
        set_(lab::attach_adapter(decoder_, test::golden(folder()), nullptr)) {}

  static std::string folder() { return "methods/" + GetParam(); }
  plugin::AttachedMethod& method() { return *set_.methods.front(); }
  const torch::Tensor& known(const std::string& name) const { return io_.at(name); }

  io::Json meta_;
  Tensors io_;
  model::Decoder decoder_;
  lab::MethodSet set_;
};

TEST_P(GoldenMethod, LogitsEqualPeft) {
  torch::NoGradGuard no_grad;
  const auto rows = test::sequences(known("input_ids"), known("attention_mask"), known("labels"));
  for (size_t row = 0; row < rows.size(); ++row) {
    const auto logits = decoder_.logits(decoder_.hidden(model::make_batch({rows[row]}, false)));
    EXPECT_LT(test::difference(logits, known("logits")[static_cast<int64_t>(row)].narrow(0, 0, logits.size(0))), 2e-4);
  }
}

TEST_P(GoldenMethod, LossAndGradientsEqualPeft) {
  // What pruning cut off is in no adapter, yet counts in the penalty that PEFT computed before it saved.
  const bool cut = meta_.at("trainable").front().at("adapter_key").is_null() && io_.count("loss_regulariser") > 0;
  const auto rows = test::sequences(known("input_ids"), known("attention_mask"), known("labels"));
  const auto batch = model::labelled_batch(decoder_, rows, false);
  auto loss = (decoder_.label_losses(batch) * batch.label_counts).sum() / static_cast<double>(batch.num_labels);
  EXPECT_NEAR(loss.item<double>(), known(io_.count("loss_task") > 0 ? "loss_task" : "loss").item<double>(), 3e-5);
  const auto penalty = method().method().penalty();
  if (penalty.defined() && !cut) {
    EXPECT_NEAR(penalty.item<double>(), known("loss_regulariser").item<double>(), 3e-5);
    loss = loss + penalty;
  }
  loss.backward();
  size_t compared = 0;
  size_t expected = 0;
  for (const auto& tensor : meta_.at("trainable")) {
    if (tensor.at("adapter_key").is_null()) continue;
    ++expected;
    const auto& gradient = known("grad." + tensor.at("name").get<std::string>());
    for (const auto& t : method().trainable()) {
      if (tensor.at("adapter_key") != t.name && tensor.at("name") != t.name) continue;
      EXPECT_LT(test::difference(t.tensor.grad(), gradient), 5e-4 * (gradient.abs().max().item<double>() + 1e-6)) << t.name;
      ++compared;
    }
  }
  EXPECT_EQ(compared, expected);
  if (expected == meta_.at("trainable").size()) {
    EXPECT_EQ(set_.num_trainable(), meta_.at("trainable_parameters").get<int64_t>());
  }
}

TEST_P(GoldenMethod, ContinuesAsPeftDoes) {
  const auto prompts = test::sequences(known("gen.input_ids"), known("gen.attention_mask"));
  evaluate::GenerateOptions options;
  options.max_new_tokens = meta_.at("generation").at("max_new_tokens");
  const int64_t width = known("gen.input_ids").size(1);
  for (size_t row = 0; row < prompts.size(); ++row) {
    const auto answer = evaluate::generate(decoder_, nullptr, {prompts[row].ids}, options).front();
    const auto expected = known("gen.greedy")[static_cast<int64_t>(row)].narrow(0, width, options.max_new_tokens);
    EXPECT_TRUE(torch::equal(torch::tensor(answer.ids), expected)) << "row " << row;
  }
}

TEST_P(GoldenMethod, MergedWeightsEqualPeft) {
  size_t compared = 0;
  for (const auto& point : method().filled()) {
    const auto found = io_.find("merged." + point.name + ".weight");
    const auto* patch = dynamic_cast<const WeightPatch*>(point.patch.get());
    if (found == io_.end() || patch == nullptr) continue;
    for (const auto& slot : decoder_.weights().linears()) {
      if (slot.base.name() != point.name) continue;
      const auto merged = patch->merged(slot.base);
      ASSERT_TRUE(merged.has_value());
      EXPECT_LT(test::difference(slot.turned(merged->weight), found->second), 1e-5 * (found->second.abs().max().item<double>() + 1.0));
      ++compared;
    }
  }
  if (compared == 0) GTEST_SKIP() << "the fixture holds no merged matrix";
}

TEST_P(GoldenMethod, IsSavedAsItWasRead) {
  const auto saved = method().adapter(meta_.at("base"));
  const auto file = test::golden_tensors(folder() + "/adapter_model.safetensors");
  ASSERT_EQ(saved.tensors.size(), file.size());
  for (const auto& [name, tensor] : file) {
    ASSERT_EQ(saved.tensors.count(name), 1u) << name;
    EXPECT_TRUE(torch::equal(saved.tensors.at(name), tensor)) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, GoldenMethod, testing::ValuesIn(cases()), [](const auto& info) { return info.param; });

}  // namespace
}  // namespace peftlab
