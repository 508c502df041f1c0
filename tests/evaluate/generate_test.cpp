// Batched generation over a shared beginning against computing everything anew, and sampling against the fixtures.
#include "core/evaluate/generate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/evaluate/forgetting.h"
#include "core/evaluate/task_score.h"
#include "tests/support/toy.h"

namespace peftlab {
namespace {

std::vector<int64_t> anew(const model::Decoder& decoder, std::vector<int64_t> ids, int64_t count) {
  torch::NoGradGuard no_grad;
  const size_t before = ids.size();
  for (int64_t i = 0; i < count; ++i) {
    const auto rows = decoder.hidden(model::make_batch({model::unlabelled(ids)}, false));
    ids.push_back(decoder.logits(rows.narrow(0, rows.size(0) - 1, 1)).argmax(-1).item<int64_t>());
  }
  return {ids.begin() + static_cast<std::ptrdiff_t>(before), ids.end()};
}

class Generation : public testing::TestWithParam<const char*> {};

TEST_P(Generation, EqualsComputingEverythingAnewForEachPrompt) {
  test::Toy toy(test::kLora, torch::kFloat32, 0, GetParam());
  toy.perturb();
  toy.method().train(false);
  std::vector<std::vector<int64_t>> prompts;
  for (const auto& s : test::sharing_sequences(7, 5)) prompts.push_back(s.ids);
  prompts.push_back({9, 8, 7});
  evaluate::GenerateOptions options;
  options.max_new_tokens = 9;
  options.batch_size = 3;
  for (const size_t count : {size_t{7}, size_t{8}, size_t{1}}) {  // with a common beginning, without one, alone
    const std::vector<std::vector<int64_t>> some(prompts.begin(), prompts.begin() + static_cast<std::ptrdiff_t>(count));
    const auto answers = evaluate::generate(*toy.decoder, nullptr, some, options);
    for (size_t i = 0; i < some.size(); ++i) EXPECT_EQ(answers[i].ids, anew(*toy.decoder, some[i], 9)) << "prompt " << i << " of " << count;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Generation, testing::Values("models/llama", "models/mistral", "models/qwen3"),
                         [](const auto& info) { return std::string(info.param).substr(7); });

TEST(Generation, EndsAtAnEndIdAndLeavesTheBatch) {
  test::Toy toy(test::kLora);
  std::vector<std::vector<int64_t>> prompts;
  for (const auto& s : test::sharing_sequences(6, 4)) prompts.push_back(s.ids);
  evaluate::GenerateOptions options;
  options.max_new_tokens = 8;
  const auto free = evaluate::generate(*toy.decoder, nullptr, prompts, options);
  options.end_ids = {free[0].ids[2], free[3].ids[4]};
  const auto ended = evaluate::generate(*toy.decoder, nullptr, prompts, options);
  for (size_t i = 0; i < prompts.size(); ++i) {
    std::vector<int64_t> expected;
    for (int64_t id : free[i].ids) {
      expected.push_back(id);
      if (id == options.end_ids[0] || id == options.end_ids[1]) break;
    }
    EXPECT_EQ(ended[i].ids, expected);
  }
  EXPECT_TRUE(ended[0].ended);
}

TEST(Generation, SampledAnswersAreAFunctionOfSeedAndPrompt) {
  test::Toy toy(test::kLora);
  std::vector<std::vector<int64_t>> prompts = {{4, 5, 6}, {4, 5, 7}, {8, 9}};
  evaluate::GenerateOptions options;
  options.max_new_tokens = 12;
  options.sampling = {false, 1.0, 1.5, 0, 0.95};
  options.batch_size = 3;
  const auto together = evaluate::generate(*toy.decoder, nullptr, prompts, options);
  options.batch_size = 1;
  const auto apart = evaluate::generate(*toy.decoder, nullptr, prompts, options);
  for (size_t i = 0; i < prompts.size(); ++i) EXPECT_EQ(together[i].ids, apart[i].ids);
  options.seed = 1;
  EXPECT_NE(evaluate::generate(*toy.decoder, nullptr, prompts, options)[0].ids, apart[0].ids);
}

evaluate::Sampling sampling_of(const io::Json& processors) {
  evaluate::Sampling s;
  s.greedy = false;
  for (const auto& p : processors) {
    const std::string name = p[0];
    if (name == "temperature") s.temperature = p[1];
    if (name == "top_k") s.top_k = p[1];
    if (name == "top_p") s.top_p = p[1];
    if (name == "repetition_penalty") s.repetition_penalty = p[1];
  }
  return s;
}

TEST(Sampling, EqualsTransformersOnEveryCase) {
  const auto tensors = test::golden_tensors("sampling/sampling.safetensors");
  const auto cases = io::read_json(test::golden("sampling/cases.json")).value;
  ASSERT_GT(cases.size(), 10u);
  for (const auto& c : cases) {
    bool known = true;
    for (const auto& p : c.at("processors")) known = known && p[0] != "min_p";
    if (!known) continue;
    const auto expected = tensors.at(c.at("case").get<std::string>() + ".probabilities");
    for (int64_t row = 0; row < expected.size(0); ++row) {
      const auto ids = tensors.at("previous_ids")[row].contiguous();
      const std::vector<int64_t> previous(ids.data_ptr<int64_t>(), ids.data_ptr<int64_t>() + ids.numel());
      const auto got = evaluate::process_logits(tensors.at("logits")[row], previous, sampling_of(c.at("processors"))).softmax(-1);
      const auto a = std::get<0>(got.sort()), b = std::get<0>(expected[row].sort());  // ties may keep another of equals
      EXPECT_LT(test::difference(a, b), 1e-6) << c.dump() << " row " << row;
    }
  }
}

TEST(Forgetting, IsNothingForAnIdentityAndSomethingAfterAChange) {
  test::Toy toy(test::kLora);
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < 90; ++i) ids.push_back(3 + (i * 17) % 110);
  const std::vector<evaluate::ForgettingText> texts = {{"a", evaluate::windows_of(ids, 20)}, {"b", evaluate::windows_of(ids, 33)}};
  for (const auto& score : evaluate::measure_forgetting(*toy.decoder, texts)) {
    EXPECT_EQ(score.loss_change.mean, 0.0);
    EXPECT_EQ(score.divergence.mean, 0.0);
  }
  toy.perturb();
  const auto scores = evaluate::measure_forgetting(*toy.decoder, texts);
  ASSERT_EQ(scores.size(), 3u);
  EXPECT_EQ(scores[2].kind, "all");
  EXPECT_EQ(scores[2].num_tokens, scores[0].num_tokens + scores[1].num_tokens);
  EXPECT_GT(scores[2].divergence.mean, 0.0);
  EXPECT_LT(scores[2].divergence.low, scores[2].divergence.mean);
  EXPECT_NE(scores[2].loss_change.mean, 0.0);
}

}  // namespace
}  // namespace peftlab
