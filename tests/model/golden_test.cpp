// Base models against the fixtures: logits, loss, gradients, greedy continuation.
#include <gtest/gtest.h>

#include "core/model/decoder.h"
#include "core/plugin/decoder_points.h"
#include "tests/support/golden.h"

namespace peftlab {
namespace {

using test::difference;

class GoldenModel : public testing::TestWithParam<const char*> {
 protected:
  std::string folder() const { return std::string("models/") + GetParam(); }
  model::Decoder load() const {
    const auto source = model::open_weights(test::golden(folder()));
    return model::Decoder(*source, torch::kFloat32, torch::kCPU);
  }
  Tensors io() const { return test::golden_tensors(folder() + "/io.safetensors"); }
};

TEST_P(GoldenModel, LogitsAndLoss) {
  const auto decoder = load();
  const auto io = this->io();
  const auto rows = test::sequences(io.at("input_ids"), io.at("attention_mask"), io.at("labels"));
  torch::NoGradGuard no_grad;
  for (size_t row = 0; row < rows.size(); ++row) {
    const auto batch = model::make_batch({rows[row]}, /*share_beginning=*/false);
    const auto expected = io.at("logits")[static_cast<int64_t>(row)].narrow(0, 0, batch.num_rows());
    EXPECT_LT(difference(decoder.logits(decoder.hidden(batch)), expected), 1e-4) << "row " << row;
  }
  const auto batch = model::make_batch(rows, /*share_beginning=*/false);
  const auto loss = (decoder.label_losses(batch) * batch.label_counts).sum() / static_cast<double>(batch.num_labels);
  EXPECT_NEAR(loss.item<double>(), io.at("loss").item<double>(), 1e-5);
}

TEST_P(GoldenModel, GradientOfEveryWeightAlsoWithRecomputation) {
  for (const bool checkpointing : {false, true}) {
    auto decoder = load();
    decoder.set_checkpointing(checkpointing);
    plugin::DecoderPoints points(decoder, /*seed=*/0, {});
    for (auto& slot : decoder.weights().parameters()) points.fill_parameter(slot.base, std::make_shared<ParameterPatch>(slot.base));
    const auto io = this->io();
    const auto batch = model::make_batch(test::sequences(io.at("input_ids"), io.at("attention_mask"), io.at("labels")), false);
    ((decoder.label_losses(batch) * batch.label_counts).sum() / static_cast<double>(batch.num_labels)).backward();
    int compared = 0;
    for (auto& slot : decoder.weights().parameters()) {
      const auto expected = io.find("grad." + slot.base.name());
      if (expected == io.end()) continue;
      const double largest = expected->second.abs().max().item<double>();
      ASSERT_TRUE(slot.patch->value().grad().defined()) << slot.base.name() << (checkpointing ? " recomputed" : "");
      EXPECT_LT(difference(slot.patch->value().grad(), expected->second), 1e-4 * largest) << slot.base.name();
      ++compared;
    }
    EXPECT_EQ(compared, std::count_if(io.begin(), io.end(), [](const auto& item) { return item.first.starts_with("grad."); }));
    EXPECT_GE(compared, 9);
  }
}

/// Greedy ids by computing everything anew for each token.
std::vector<int64_t> greedy(const model::Decoder& decoder, std::vector<int64_t> ids, int64_t count) {
  torch::NoGradGuard no_grad;
  for (int64_t i = 0; i < count; ++i) {
    const auto rows = decoder.hidden(model::make_batch({model::unlabelled(ids)}, false));
    ids.push_back(decoder.logits(rows.narrow(0, rows.size(0) - 1, 1)).argmax(-1).item<int64_t>());
  }
  return ids;
}

TEST_P(GoldenModel, GreedyContinuation) {
  const auto decoder = load();
  const auto io = this->io();
  const auto expected = io.at("gen.greedy");
  const auto prompts = test::sequences(io.at("gen.input_ids"), io.at("gen.attention_mask"));
  const int64_t count = expected.size(1) - io.at("gen.input_ids").size(1);
  for (size_t row = 0; row < prompts.size(); ++row) {
    const auto ids = greedy(decoder, prompts[row].ids, count);
    const auto tail = torch::tensor(std::vector<int64_t>(ids.end() - count, ids.end()));
    EXPECT_TRUE(torch::equal(tail, expected[static_cast<int64_t>(row)].narrow(0, expected.size(1) - count, count))) << "row " << row;
  }
}

TEST_P(GoldenModel, BothSpellingsOfTheConfigurationMeanTheSame) {
  const auto read = [&](const char* name) { return model::spec_from_hugging_face(io::read_json(test::golden(folder()) / name)); };
  const auto now = read("config.json"), old = read("config_v4.json");
  EXPECT_EQ(model::hugging_face_config(now, "float32"), model::hugging_face_config(old, "float32"));
  EXPECT_EQ(now.rotary.frequencies, old.rotary.frequencies);
  EXPECT_EQ(now.rotary.long_frequencies, old.rotary.long_frequencies);
}

/// The texts as parts of one batch, with what they have in common computed once: the loss of a text depends on it alone.
TEST_P(GoldenModel, SharedBeginningsChangeNothing) {
  const auto decoder = load();
  torch::NoGradGuard no_grad;
  std::vector<model::Sequence> rows;
  for (int64_t tail : {1, 4, 9}) {
    model::Sequence row;
    for (int64_t i = 0; i < 12 + tail; ++i) row.ids.push_back(5 + (i < 12 ? 7 * i : 11 * i + tail) % 90);
    row.labels = row.ids;
    rows.push_back(row);
  }
  double alone = 0.0;
  for (const auto& row : rows) alone += decoder.label_losses(model::make_batch({row}, false)).sum().item<double>();
  for (const bool share : {false, decoder.may_share(rows)}) {
    const auto batch = model::make_batch(rows, share);
    EXPECT_NEAR((decoder.label_losses(batch) * batch.label_counts).sum().item<double>(), alone, 1e-3) << share;
  }
}

INSTANTIATE_TEST_SUITE_P(LlamaFamily, GoldenModel,
                         testing::Values("llama", "llama_bf16", "llama_bias", "llama_linear_rope", "llama_tied", "mistral", "qwen2", "qwen3"),
                         [](const auto& info) { return std::string(info.param); });

INSTANTIATE_TEST_SUITE_P(OtherFamilies, GoldenModel,
                         testing::Values("gemma", "gemma2", "glm", "glm4", "gpt2", "gpt_neo", "phi3", "phi3_longrope"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace peftlab
