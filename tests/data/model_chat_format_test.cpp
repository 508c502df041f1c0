#include "core/data/model_chat_format.h"

#include "core/data/example.h"
#include "fixtures.h"

namespace peftlab::data {
namespace {

using ::testing::HasSubstr;

const char kTemplate[] =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// A byte-level tokenizer with one token a byte, a merge of "\n{" and two special tokens.
text::Tokenizer byte_tokenizer() {
  Json vocabulary = Json::object();
  int next = 256;
  std::string new_line;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    const std::string letter = to_utf8(static_cast<char32_t>(printable ? byte : next++));
    if (byte == '\n') new_line = letter;
    vocabulary[letter] = byte;
  }
  vocabulary[new_line + "{"] = 256;
  Json added = Json::array();
  for (const char* content : {"<|im_start|>", "<|im_end|>"}) {
    added.push_back({{"id", 257 + added.size()}, {"content", content}, {"single_word", false}, {"lstrip", false},
                     {"rstrip", false}, {"normalized", false}, {"special", true}});
  }
  const Json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
  const Json file = {{"version", "1.0"},
                     {"added_tokens", added},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", byte_level},
                     {"post_processor", nullptr},
                     {"decoder", byte_level},
                     {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", {new_line + " {"}}}}};
  return text::Tokenizer::from_json(file.dump(), "bytes");
}

TEST(ModelChatFormat, EncodesWhatTheTemplateWrites) {
  const auto format = make_chat_format(byte_tokenizer(), text::ChatTemplate(kTemplate));
  const Json messages = {{{"role", "user"}, {"content", "路"}}};
  EXPECT_EQ(format->render(messages, true), "<|im_start|>user\n路<|im_end|>\n<|im_start|>assistant\n");
  const Encoding encoding = format->encode("a路<|im_end|>");
  EXPECT_EQ(encoding.ids, (std::vector<int64_t>{'a', 0xE8, 0xB7, 0xAF, 258}));
  ASSERT_EQ(encoding.spans.size(), 5u);
  EXPECT_EQ(encoding.spans[4].begin, 4u);
  EXPECT_EQ(encoding.spans[4].end, 14u);
  EXPECT_EQ(format->decode(encoding.ids), "a路<|im_end|>");
  EXPECT_TRUE(format->is_special(258));
  EXPECT_FALSE(format->is_special('a'));
}

TEST(ModelChatFormat, AMergeOverTheSeamIsSeen) {
  const auto format = make_chat_format(byte_tokenizer(), text::ChatTemplate(kTemplate));
  const auto set = make_examples({talk({{"user", "a"}, {"assistant", "{路}"}}), talk({{"user", "a"}, {"assistant", "路"}})}, *format);
  EXPECT_EQ(set.num_seam_mismatches, 1);
  EXPECT_EQ(set.num_ends_added, 0);
  EXPECT_EQ(set.end_of_turn, std::vector<int64_t>{258});
  EXPECT_EQ(set.examples[0].num_trained(), 6);  // "\n{", the three bytes of the ideograph, "}", the end
  EXPECT_EQ(set.examples[1].num_trained(), 4);
}

TEST(ModelChatFormat, TheTemplateIsPartOfTheHash) {
  const auto tokenizer = byte_tokenizer();
  EXPECT_EQ(make_chat_format(tokenizer, text::ChatTemplate(kTemplate))->hash(),
            make_chat_format(tokenizer, text::ChatTemplate(kTemplate))->hash());
  EXPECT_NE(make_chat_format(tokenizer, text::ChatTemplate(kTemplate))->hash(),
            make_chat_format(tokenizer, text::ChatTemplate(std::string(kTemplate) + " "))->hash());
}

TEST(ModelChatFormat, AModelWithoutATemplateIsRefused) {
  EXPECT_THAT(message_of([] { make_chat_format(byte_tokenizer(), "models/bytes"); }),
              HasSubstr("models/bytes: no chat template; a model without one can not be asked questions"));
}

// The ids that transformers gives for the template's text of the prompt, and for the answer with the end of turn behind it.
TEST(ModelChatFormat, SmolLm2SeesWhatTheReferenceSees) {
  const char* path = std::getenv("PEFTLAB_SMOLLM2_GGUF");
  if (path == nullptr) GTEST_SKIP() << "SmolLM2-135M-Instruct.Q4_1.gguf is not there; set PEFTLAB_SMOLLM2_GGUF";
  const auto format = make_chat_format(text::Tokenizer::load(path), path);
  const auto set = make_examples({talk({{"user", "輸入：雲林縣西螺鎮忠孝路"}, {"assistant", R"({"city": "雲林縣"})"}})}, *format);
  const Example& example = set.examples.at(0);
  const std::vector<int64_t> prompt = {
      1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407, 19712, 8182,
      2, 198, 1, 4093, 198, 179, 137, 133, 38869, 24713, 44846, 127, 32925, 241, 178, 133, 113, 179, 115, 140,
      179, 248, 135, 180, 232, 123, 41467, 250, 18753, 247, 179, 132, 124, 2, 198, 1, 520, 9531, 198};
  const std::vector<int64_t> answer = {
      39428, 20721, 1799, 476, 44846, 127, 32925, 241, 178, 133, 113, 23597, 2};
  EXPECT_EQ(example.prompt, prompt);
  EXPECT_EQ(std::vector<int64_t>(example.ids.begin() + example.prompt_length, example.ids.end()), answer);
  EXPECT_EQ(example.num_trained(), static_cast<int64_t>(answer.size()));
  EXPECT_EQ(set.num_seam_mismatches, 0);
}

}  // namespace
}  // namespace peftlab::data
