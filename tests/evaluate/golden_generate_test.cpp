// Greedy continuations of every architecture, several prompts at once, against the fixtures.
#include <gtest/gtest.h>

#include "core/evaluate/generate.h"
#include "tests/support/golden.h"

namespace peftlab {
namespace {

class GoldenGeneration : public testing::TestWithParam<const char*> {
 protected:
  std::string folder() const { return std::string("models/") + GetParam(); }
};

/// The prompts are of different lengths, so that the rows of a batch pass windows and limits at different times.
TEST_P(GoldenGeneration, PromptsTogetherContinueAsEachAlone) {
  const model::Decoder decoder(*model::open_weights(test::golden(folder())), torch::kFloat32, torch::kCPU);
  const auto io = test::golden_tensors(folder() + "/io.safetensors");
  std::vector<std::vector<int64_t>> prompts;
  for (const auto& row : test::sequences(io.at("gen.input_ids"), io.at("gen.attention_mask")))
    prompts.push_back(row.ids);
  const auto& expected = io.at("gen.greedy");
  evaluate::GenerateOptions options;
  options.max_new_tokens = expected.size(1) - io.at("gen.input_ids").size(1);
  const auto answers = evaluate::generate(decoder, nullptr, prompts, options);
  ASSERT_EQ(answers.size(), prompts.size());
  for (size_t row = 0; row < answers.size(); ++row) {
    const auto tail = expected[static_cast<int64_t>(row)].narrow(0, expected.size(1) - options.max_new_tokens,
                                                                 options.max_new_tokens);
    EXPECT_TRUE(torch::equal(torch::tensor(answers[row].ids), tail)) << "row " << row;
  }
}

INSTANTIATE_TEST_SUITE_P(AllFamilies, GoldenGeneration,
                         testing::Values("llama", "llama_tied", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "glm",
                                         "glm4", "gpt2", "gpt_neo", "phi3", "phi3_longrope"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace peftlab
