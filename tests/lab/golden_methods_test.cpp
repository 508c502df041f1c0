// Adapters that PEFT saved, on the model: logits, loss, gradient of every trained tensor, greedy continuation.
#include <gtest/gtest.h>

#include "core/evaluate/generate.h"
#include "tests/support/toy.h"

namespace peftlab {
namespace {

class GoldenMethod : public testing::TestWithParam<const char*> {};

TEST_P(GoldenMethod, EqualsPeft) {
  const std::string folder = std::string("methods/") + GetParam();
  const auto meta = io::read_json(test::golden(folder + "/meta.json")).value;
  const auto io = test::golden_tensors(folder + "/io.safetensors");
  model::Decoder decoder(*model::open_weights(test::golden(meta.at("base"))), torch::kFloat32, torch::kCPU);
  const auto set = lab::attach_adapter(decoder, test::golden(folder), nullptr);
  const auto rows = test::sequences(io.at("input_ids"), io.at("attention_mask"), io.at("labels"));
  for (size_t row = 0; row < rows.size(); ++row) {
    torch::NoGradGuard no_grad;
    const auto batch = model::make_batch({rows[row]}, false);
    EXPECT_LT(test::difference(decoder.logits(decoder.hidden(batch)), io.at("logits")[static_cast<int64_t>(row)].narrow(0, 0, batch.num_rows())), 2e-4);
  }
  const auto batch = model::make_batch(rows, false);
  const auto loss = (decoder.label_losses(batch) * batch.label_counts).sum() / static_cast<double>(batch.num_labels);
  EXPECT_NEAR(loss.item<double>(), io.at("loss").item<double>(), 3e-5);
  loss.backward();
  size_t compared = 0;
  for (const auto& t : set.methods.front()->trainable()) {
    for (const auto& known : meta.at("trainable")) {
      if (known.at("adapter_key") != t.name && known.at("name") != t.name) continue;
      const auto& expected = io.at("grad." + known.at("name").get<std::string>());
      EXPECT_LT(test::difference(t.tensor.grad(), expected), 5e-4 * (expected.abs().max().item<double>() + 1e-6)) << t.name;
      ++compared;
    }
  }
  EXPECT_EQ(compared, meta.at("trainable").size());
  EXPECT_EQ(set.num_trainable(), meta.at("trainable_parameters").get<int64_t>());
  const auto prompts = test::sequences(io.at("gen.input_ids"), io.at("gen.attention_mask"));
  evaluate::GenerateOptions options;
  options.max_new_tokens = meta.at("generation").at("max_new_tokens");
  const int64_t width = io.at("gen.input_ids").size(1);
  for (size_t row = 0; row < prompts.size(); ++row) {
    const auto answer = evaluate::generate(decoder, nullptr, {prompts[row].ids}, options).front();
    const auto expected = io.at("gen.greedy")[static_cast<int64_t>(row)].narrow(0, width, options.max_new_tokens);
    EXPECT_TRUE(torch::equal(torch::tensor(answer.ids), expected)) << "row " << row;
  }
}

INSTANTIATE_TEST_SUITE_P(Lora, GoldenMethod,
                         testing::Values("lora", "lora_all_linear", "lora_bias_all", "lora_dropout", "lora_patterns", "lora_rslora",
                                         "lora_modules_to_save", "lora_tied_embedding"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace peftlab
