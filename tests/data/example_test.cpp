#include "core/data/example.h"

#include "fixtures.h"

namespace peftlab::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The tokens that are trained on, as text, with | between runs.
std::string trained_text(const Example& example, const ChatFormat& format) {
  std::string text;
  for (size_t i = 0; i < example.ids.size(); ++i) {
    if (example.trained[i] == 0) continue;
    if (!text.empty() && example.trained[i - 1] == 0) text += "|";
    text += format.decode({example.ids[i]});
  }
  return text;
}

TEST(Example, TrainsTheAnswerAndItsEndOfTurn) {
  ToyFormat format;
  const ExampleSet set = make_examples({talk({{"user", "hi"}, {"assistant", "ho"}}, 9)}, format);
  const Example& example = set.examples.at(0);
  EXPECT_EQ(format.decode(example.ids), "<s>user:hi<e>\n<s>assistant:ho<e>");
  EXPECT_EQ(trained_text(example, format), "ho<e>");
  EXPECT_EQ(format.decode(example.prompt), "<s>user:hi<e>\n<s>assistant:");
  EXPECT_EQ(example.prompt_length, static_cast<int64_t>(example.prompt.size()));
  EXPECT_EQ(example.reference, "ho");
  EXPECT_EQ(example.row, 9);
  EXPECT_EQ(example.num_trained(), 3);
  EXPECT_THAT(set.end_of_turn, ElementsAre(ToyFormat::kEnd));
  EXPECT_EQ(set.num_seam_mismatches + set.num_truncated + set.num_ends_added, 0);
}

TEST(Example, TrainsEveryAssistantTurnThatShallBe) {
  ToyFormat format;
  auto conversation = talk({{"system", "s"}, {"user", "a"}, {"assistant", "one"}, {"user", "b"}, {"assistant", "two"}});
  EXPECT_EQ(trained_text(make_examples({conversation}, format).examples[0], format), "one<e>|two<e>");
  conversation.trained[2] = false;
  const auto set = make_examples({conversation}, format);
  EXPECT_EQ(trained_text(set.examples[0], format), "two<e>");
  EXPECT_EQ(format.decode(set.examples[0].prompt), "<s>system:s<e>\n<s>user:a<e>\n<s>assistant:one<e>\n<s>user:b<e>\n<s>assistant:");
}

TEST(Example, MasksByPositionSoThatTheEndInsideThePromptIsNotTrained) {
  ToyFormat format;
  const auto set = make_examples({talk({{"user", "a<e>b"}, {"assistant", "a<e>b"}})}, format);
  EXPECT_EQ(trained_text(set.examples[0], format), "a<e>b<e>");
}

TEST(Example, AnAnswerThatRepeatsThePromptIsFoundAtItsPlace) {
  ToyFormat format;
  const auto set = make_examples({talk({{"user", "say ho"}, {"assistant", "ho"}, {"user", "ho"}, {"assistant", "ho"}})}, format);
  EXPECT_EQ(trained_text(set.examples[0], format), "ho<e>|ho<e>");
}

TEST(Example, ATokenOverTheSeamIsTrainedAndCounted) {
  ToyFormat format;  // ":{" is one token
  const auto set = make_examples({talk({{"user", "a"}, {"assistant", "{}"}})}, format);
  EXPECT_EQ(set.num_seam_mismatches, 1);
  EXPECT_EQ(trained_text(set.examples[0], format), ":{}<e>");
  EXPECT_EQ(set.examples[0].prompt_length, static_cast<int64_t>(set.examples[0].prompt.size()) - 1);
}

TEST(Example, ATemplateThatTrimsIsFollowed) {
  ToyFormat format;
  format.trims = true;
  const auto set = make_examples({talk({{"user", " a "}, {"assistant", " ho\n"}})}, format);
  EXPECT_EQ(trained_text(set.examples[0], format), "ho<e>");
  EXPECT_EQ(set.num_seam_mismatches, 0);
}

TEST(Example, ATemplateWithoutEndOfTurnGetsTheTokenizersOwn) {
  ToyFormat format;
  format.end = "";
  const auto set = make_examples({talk({{"user", "a"}, {"assistant", "ho"}})}, format);
  EXPECT_EQ(set.num_ends_added, 1);
  EXPECT_EQ(set.examples[0].ids.back(), ToyFormat::kEnd);
  EXPECT_EQ(set.examples[0].trained.back(), 1);
  EXPECT_EQ(trained_text(set.examples[0], format), "ho\n<e>");
}

TEST(Example, AnyTokenOfTheTemplatesOwnMayEndATurn) {
  ToyFormat format;
  format.end = "<b>";
  const auto set = make_examples({talk({{"user", "a"}, {"assistant", "ho"}})}, format);
  EXPECT_EQ(trained_text(set.examples[0], format), "ho<b>");
  EXPECT_THAT(set.end_of_turn, ElementsAre(ToyFormat::kSpecialB));
}

TEST(Example, ATemplateThatHidesEarlierAnswersIsRefused) {
  ToyFormat format;
  format.hides_answers = true;
  const auto message = message_of([&] {
    make_examples({talk({{"user", "a"}, {"assistant", "one"}, {"user", "b"}, {"assistant", "two"}}, 12)}, format);
  });
  EXPECT_THAT(message, HasSubstr("record 12: the chat template does not write message 2 as it stands"));
}

TEST(Example, TwoTokensThatBeginATextAreRefused) {
  ToyFormat format;
  format.before = "<bos>";
  EXPECT_NO_THROW(make_examples({talk({{"user", "a"}, {"assistant", "b"}})}, format));
  format.before = "<bos><bos>";
  EXPECT_THAT(message_of([&] { make_examples({talk({{"user", "a"}, {"assistant", "b"}}, 4)}, format); }),
              HasSubstr("record 4: the text begins with two tokens that begin a text (id 260)"));
}

TEST(Example, TrainOnAllLeavesOnlyTheFirstTokenOut) {
  ToyFormat format;
  const auto set = make_examples({talk({{"user", "a"}, {"assistant", "b"}})}, format, {0, TrainOn::all});
  EXPECT_EQ(set.examples[0].trained[0], 0);
  EXPECT_EQ(set.examples[0].num_trained(), static_cast<int64_t>(set.examples[0].ids.size()) - 1);
}

TEST(Example, TruncationIsCountedAndKeepsThePrompt) {
  ToyFormat format;
  const auto conversation = talk({{"user", "a"}, {"assistant", "a long answer"}});
  const auto whole = make_examples({conversation}, format).examples[0];
  const auto set = make_examples({conversation}, format, {whole.full_length - 4, TrainOn::answer});
  EXPECT_EQ(set.num_truncated, 1);
  EXPECT_TRUE(set.examples[0].truncated());
  EXPECT_EQ(set.examples[0].full_length, whole.full_length);
  EXPECT_EQ(set.examples[0].prompt, whole.prompt);
  EXPECT_EQ(trained_text(set.examples[0], format), "a long ans");
}

TEST(Example, AnAnswerCutAwayIsAnErrorThatNamesTheRecords) {
  ToyFormat format;
  for (const TrainOn train_on : {TrainOn::answer, TrainOn::all}) {
    const auto message = message_of([&] {
      make_examples({talk({{"user", "a"}, {"assistant", "b"}}, 3), talk({{"user", "a longer question"}, {"assistant", "b"}}, 8)}, format,
                    {27, train_on});
    });
    EXPECT_THAT(message, HasSubstr("max_length 27 cuts the whole answer away in 1 of 2 examples (records 8); the longest has"));
  }
}

TEST(Example, TheSharedBeginningStopsBeforeTheFirstTarget) {
  ToyFormat format;
  const auto set = make_examples({talk({{"user", "same a"}, {"assistant", "x"}}), talk({{"user", "same b"}, {"assistant", "x"}})}, format);
  const int64_t expected = static_cast<int64_t>(format.encode("<s>user:same ").ids.size());
  EXPECT_EQ(shared_beginning(std::vector<const Example*>{&set.examples[0], &set.examples[1]}), expected);
  EXPECT_EQ(shared_beginning(std::vector<const Example*>{&set.examples[0]}), 0);
  // Equal prompts: the last token of the prompt predicts a target, so it is not shared.
  const auto equal = make_examples({talk({{"user", "q"}, {"assistant", "x"}}), talk({{"user", "q"}, {"assistant", "xy"}})}, format);
  EXPECT_EQ(shared_beginning(std::vector<const Example*>{&equal.examples[0], &equal.examples[1]}), equal.examples[0].prompt_length - 1);
}

TEST(Example, EverySequenceKeepsATokenOfItsOwn) {
  const std::vector<int64_t> a = {1, 2, 3}, b = {1, 2, 3, 4}, none;
  EXPECT_EQ(shared_beginning(std::vector<const std::vector<int64_t>*>{&a, &b}), 2);
  EXPECT_EQ(shared_beginning(std::vector<const std::vector<int64_t>*>{&a, &none}), 0);
}

}  // namespace
}  // namespace peftlab::data
