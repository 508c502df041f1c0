// What must hold on every architecture, and what only some of them have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "core/evaluate/generate.h"
#include "core/plugin/decoder_points.h"
#include "peftlab/peft.h"
#include "tests/support/golden.h"
#include "tests/support/tolerance.h"

namespace peftlab {
namespace {

using test::message_of;
using testing::HasSubstr;

std::unique_ptr<model::Decoder> load(const std::string& name, torch::ScalarType type = torch::kFloat32) {
  return std::make_unique<model::Decoder>(*model::open_weights(test::golden("models/" + name)), type, torch::kCPU);
}

std::vector<int64_t> some_ids(int64_t count, int64_t first = 5) {
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back((first + 7 * i) % 100 + 3);
  return ids;
}

torch::Tensor logits_of(const model::Decoder& decoder, const std::vector<int64_t>& ids) {
  torch::NoGradGuard no_grad;
  const auto rows = decoder.hidden(model::make_batch({model::unlabelled(ids)}, /*share_beginning=*/false));
  return decoder.logits(rows.narrow(0, decoder.num_virtual_rows(), static_cast<int64_t>(ids.size())));
}

class GivenTokens final : public VirtualTokens {
 public:
  explicit GivenTokens(const torch::Tensor& rows) : rows_(register_parameter("rows", rows.detach().clone())) {}
  torch::Tensor forward() override { return rows_; }
  int64_t num_virtual_tokens() const override { return rows_.size(0); }

 private:
  torch::Tensor rows_;
};

class GivenPrefix final : public PrefixPatch {
 public:
  explicit GivenPrefix(std::vector<KeyValue> layers) : layers_(std::move(layers)) {}
  std::vector<KeyValue> forward() override { return layers_; }
  int64_t num_virtual_tokens() const override { return layers_.front().key.size(0); }

 private:
  std::vector<KeyValue> layers_;
};

/// Turns the table's rows and the head about.
class Turned final : public TablePatch {
 public:
  torch::Tensor rows(const torch::Tensor&, const torch::Tensor& x) override { return -x; }
  torch::Tensor head(const torch::Tensor&, const torch::Tensor& logits) override { return 2 * logits; }
};

class EveryArchitecture : public testing::TestWithParam<const char*> {};

/// Also: positions, windows and the scale of the embedding are those of the text, and the virtual tokens get no second
/// scale.
TEST_P(EveryArchitecture, VirtualTokensThatCopyATextComputeWhatTheTextDoes) {
  const auto decoder = load(GetParam());
  const auto ids = some_ids(15);
  const auto expected = logits_of(*decoder, ids).narrow(0, 4, 11);
  plugin::DecoderPoints points(*decoder, /*seed=*/0, {});
  const auto first = torch::tensor(std::vector<int64_t>(ids.begin(), ids.begin() + 4));
  points.fill_virtual_tokens(std::make_shared<GivenTokens>(points.embedding_table().index_select(0, first)));
  const auto actual = logits_of(*decoder, {ids.begin() + 4, ids.end()});
  EXPECT_LT(test::difference(actual, expected), 1e-4);
}

TEST_P(EveryArchitecture, APrefixOfATextsKeysAndValuesStandsForIt) {
  const auto decoder = load(GetParam());
  const auto ids = some_ids(15);
  const auto expected = logits_of(*decoder, ids).narrow(0, 4, 11);
  plugin::DecoderPoints points(*decoder, /*seed=*/0, {});
  points.fill_prefix(std::make_shared<GivenPrefix>(points.keys_values({ids.begin(), ids.begin() + 4})));
  EXPECT_LT(test::difference(logits_of(*decoder, {ids.begin() + 4, ids.end()}), expected), 1e-4);
}

TEST_P(EveryArchitecture, GenerationBehindVirtualTokensEqualsComputingAnew) {
  const auto decoder = load(GetParam());
  plugin::DecoderPoints points(*decoder, /*seed=*/0, {});
  points.fill_virtual_tokens(std::make_shared<GivenTokens>(points.embedding_table().narrow(0, 40, 3)));
  evaluate::GenerateOptions options;
  options.max_new_tokens = 9;
  options.batch_size = 2;
  std::vector<std::vector<int64_t>> prompts;
  for (int64_t count : {3, 6, 9, 14}) prompts.push_back(some_ids(count));
  const auto answers = evaluate::generate(*decoder, nullptr, prompts, options);
  for (size_t i = 0; i < prompts.size(); ++i) {
    auto ids = prompts[i];
    for (int64_t id : answers[i].ids) {
      EXPECT_EQ(logits_of(*decoder, ids).select(0, -1).argmax().item<int64_t>(), id)
          << "prompt " << i << " after " << ids.size();
      ids.push_back(id);
    }
    EXPECT_EQ(answers[i].ids.size(), 9U);
  }
}

TEST_P(EveryArchitecture, EveryTensorCanBeTrainedAndSwitchedOff) {
  const auto decoder = load(GetParam());
  const auto before = logits_of(*decoder, some_ids(12));
  plugin::DecoderPoints points(*decoder, /*seed=*/0, {});
  if (decoder->weights().head == nullptr) points.fill_table(std::make_shared<Turned>());
  for (auto& slot : decoder->weights().parameters()) {
    auto patch = std::make_shared<ParameterPatch>(slot.base);
    torch::NoGradGuard no_grad;
    const auto now = logits_of(*decoder, some_ids(12));
    slot.patch = patch;
    EXPECT_LT(test::difference(logits_of(*decoder, some_ids(12)), now), 1e-4) << slot.base.name() << " as a copy";
    patch->value().detach().add_(0.3 * torch::randn_like(patch->value()));
    EXPECT_GT(test::difference(logits_of(*decoder, some_ids(12)), now), 1e-4) << slot.base.name() << " moved";
  }
  const model::PatchesOff off(*decoder);
  EXPECT_TRUE(torch::equal(logits_of(*decoder, some_ids(12)), before));
}

INSTANTIATE_TEST_SUITE_P(All, EveryArchitecture,
                         testing::Values("llama", "llama_tied", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "glm",
                                         "glm4", "gpt2", "gpt_neo", "phi3", "phi3_longrope"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Gemma, TheTableThatMethodsSeeIsScaledInTheModelsType) {
  for (const auto type : {torch::kFloat32, torch::kBFloat16}) {
    const auto decoder = load("gemma", type);
    const plugin::DecoderPoints points(*decoder, /*seed=*/0, {});
    const auto& table = decoder->weights().embedding->base.value();
    const auto scale = torch::tensor(std::sqrt(32.0), torch::kFloat32).to(type);
    EXPECT_TRUE(torch::equal(points.embedding_table(), table * scale));
    EXPECT_TRUE(kept_table(points).is_same(table));
    EXPECT_EQ(points.shape().embedding + ".weight", decoder->weights().embedding->base.name());
  }
}

TEST(Gemma2, TheCapOfTheLogitsIsBehindWhatATablePatchMakesOfThem) {
  const auto decoder = load("gemma2");
  const auto before = logits_of(*decoder, some_ids(6));
  decoder->table = std::make_shared<Turned>();
  decoder->table->eval();
  const auto after = logits_of(*decoder, some_ids(6));
  EXPECT_LE(after.abs().max().item<double>(), 30.0);
  EXPECT_GT(test::difference(after, before), 1e-3);
}

TEST(Gpt2, MatricesAreTurnedForPatchesAndAsInFilesForParameters) {
  const auto decoder = load("gpt2");
  const auto source = model::open_weights(test::golden("models/gpt2"));
  int turned = 0;
  for (const auto& slot : decoder->weights().linears()) {
    const auto file = source->read(slot.base.name() + ".weight", torch::kFloat32);
    EXPECT_TRUE(slot.base.fan_in_fan_out());
    EXPECT_TRUE(torch::equal(slot.weight->base.value(), file)) << slot.base.name();
    EXPECT_TRUE(torch::equal(slot.base.weight(), file.t())) << slot.base.name();
    EXPECT_TRUE(slot.base.weight().is_contiguous());
    EXPECT_EQ(slot.base.weight().data_ptr(), slot.weight->base.value().data_ptr()) << "kept twice";
    ++turned;
  }
  EXPECT_EQ(turned, 8);
  const auto neo = load("gpt_neo");
  for (const auto& slot : neo->weights().linears()) EXPECT_FALSE(slot.base.fan_in_fan_out());
}

TEST(Gpt2, ATextLongerThanItsPositionsIsRefusedBeforeAnythingRuns) {
  const auto decoder = load("gpt2");
  EXPECT_EQ(logits_of(*decoder, some_ids(128)).size(0), 128);
  EXPECT_THAT(message_of([&] { logits_of(*decoder, some_ids(129)); }),
              HasSubstr("a text of 129 tokens does not fit into the 128 positions that gpt2 has learned; shorten it, "
                        "or generate fewer tokens"));
  evaluate::GenerateOptions options;
  options.max_new_tokens = 9;
  options.batch_size = 2;
  // A prompt that needs the last position beside others that go on when it has ended.
  EXPECT_EQ(evaluate::generate(*decoder, nullptr, {some_ids(120), some_ids(4)}, options)[0].ids.size(), 9U);
  EXPECT_THAT(message_of([&] {
                evaluate::generate(*decoder, nullptr, {some_ids(4), some_ids(121)}, options);
              }),
              HasSubstr("a text of 129 tokens does not fit"));
  plugin::DecoderPoints points(*decoder, /*seed=*/0, {});
  points.fill_virtual_tokens(std::make_shared<GivenTokens>(points.embedding_table().narrow(0, 40, 3)));
  EXPECT_EQ(logits_of(*decoder, some_ids(125)).size(0), 125);
  EXPECT_THAT(message_of([&] { logits_of(*decoder, some_ids(126)); }),
              HasSubstr("a text of 126 tokens behind 3 virtual ones does not fit"));
  const model::PatchesOff off(*decoder);
  EXPECT_EQ(logits_of(*decoder, some_ids(128)).size(0), 128);
}

TEST(Gpt2, ASequenceThatEndedAtTheLastPositionsLeavesBeforeItRunsOutOfThem) {
  const auto decoder = load("gpt2");
  evaluate::GenerateOptions options;
  options.max_new_tokens = 6;
  options.batch_size = 5;
  options.sampling.repetition_penalty = 5.0;  // so that the tokens of an answer differ
  const auto answer = [&](const std::vector<int64_t>& prompt) {
    return evaluate::generate(*decoder, nullptr, {prompt}, options).front().ids;
  };
  const auto holds = [](const std::vector<int64_t>& ids, int64_t id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  };
  // One that needs the last position and ends at its third token; four that end at their second; four that take the
  // places of these and go on when the first, still computed with them, has no position left.
  const auto longest = some_ids(123), last = answer(longest);
  for (int64_t first = 0; first < 100; ++first) {
    const auto early = some_ids(9, first), ended = answer(early);
    const auto late = some_ids(4, first + 31), free = answer(late);
    options.end_ids = {last[2], ended[1]};
    const bool fits = last[0] != last[2] && last[1] != last[2] && last[0] != ended[1] && last[1] != ended[1] &&
                      ended[0] != ended[1] && ended[0] != last[2] && !holds(free, last[2]) && !holds(free, ended[1]);
    if (fits) {
      const auto answers =
          evaluate::generate(*decoder, nullptr, {longest, early, early, early, early, late, late, late, late}, options);
      EXPECT_TRUE(answers[0].ended);
      EXPECT_EQ(answers[0].ids.size(), 3U);
      EXPECT_EQ(answers[4].ids.size(), 2U);
      for (size_t i = 5; i < answers.size(); ++i) EXPECT_EQ(answers[i].ids, free);
      return;
    }
    options.end_ids.clear();
  }
  FAIL() << "no prompts end where this test needs it";
}

/// The fixture switches above 16 tokens.
TEST(LongRope, TextsOfBothLengthsInOneBatchAreEachAsAlone) {
  const auto decoder = load("phi3_longrope");
  plugin::DecoderPoints points(*decoder, /*seed=*/0, {});
  for (const bool with_virtual : {false, true}) {
    if (with_virtual)
      points.fill_virtual_tokens(std::make_shared<GivenTokens>(points.embedding_table().narrow(0, 40, 3)));
    const int64_t before = with_virtual ? 3 : 0;
    std::vector<model::Sequence> texts;
    for (int64_t count : {int64_t{20}, 13 - before, 16 - before, 17 - before})
      texts.push_back(model::unlabelled(some_ids(count)));
    EXPECT_FALSE(decoder->may_share(texts));
    EXPECT_TRUE(decoder->may_share({texts[0], texts[3]}));
    EXPECT_TRUE(decoder->may_share({texts[1], texts[2]}));
    torch::NoGradGuard no_grad;
    const auto batch = model::make_batch(texts, /*share_beginning=*/false);
    const auto together = decoder->logits(decoder->hidden(batch));
    for (size_t i = 0; i < texts.size(); ++i) {
      const auto& segment = batch.layout.segments[i];
      EXPECT_LT(test::difference(together.narrow(0, before + segment.begin, segment.size()),
                                 logits_of(*decoder, texts[i].ids)),
                1e-4)
          << i;
    }
    EXPECT_THAT(message_of([&] { decoder->hidden(model::make_batch(texts, /*share_beginning=*/true)); }),
                HasSubstr("texts of at most 16 tokens and longer ones share a beginning"));
  }
}

TEST(LongRope, ShortTextsUseTheShortFactors) {
  const auto decoder = load("phi3_longrope");
  const auto io = test::golden_tensors("models/phi3_longrope/io.safetensors");
  const auto rows = test::sequences(io.at("short.input_ids"), torch::ones_like(io.at("short.input_ids")));
  for (size_t row = 0; row < rows.size(); ++row) {
    EXPECT_LT(test::difference(logits_of(*decoder, rows[row].ids), io.at("short.logits")[static_cast<int64_t>(row)]),
              1e-4);
  }
}

TEST(LongRope, ACacheDoesNotGrowBeyondWhatItWasMadeFor) {
  const auto decoder = load("phi3_longrope");
  model::GrowingCache cache;
  cache.positions = torch::tensor({int64_t{16}});
  EXPECT_THAT(message_of([&] { decoder->next(torch::tensor({int64_t{5}}), cache); }),
              HasSubstr("a text that grows beyond 16 tokens is computed anew"));
}

}  // namespace
}  // namespace peftlab
