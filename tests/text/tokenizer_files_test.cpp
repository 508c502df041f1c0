// The kinds of files a tokenizer comes in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/io/gguf.h"
#include "core/text/tokenizer.h"
#include "core/text/tokenizer/splitter.h"
#include "peftlab/error.h"

namespace peftlab::text {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;
namespace fs = std::filesystem;

class TokenizerFiles : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }

  // 256 bytes, "Ġa" 256, "<|endoftext|>" 257.
  static std::vector<std::string> byte_tokens() {
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.push_back(character_of_byte(static_cast<unsigned char>(byte)));
    tokens.insert(tokens.end(), {"Ġa", "<|endoftext|>"});
    return tokens;
  }
  void write_vocabulary_and_merges() {
    Json vocab;
    const auto tokens = byte_tokens();
    for (size_t id = 0; id < tokens.size(); ++id) vocab[tokens[id]] = id;
    write("vocab.json", vocab.dump());
    write("merges.txt", "#version: 0.2\nĠ a\r\n\n");
  }
  static io::GgufMetadata byte_level() {
    std::vector<int32_t> types(258, 1);
    types[257] = 3;
    return {{"tokenizer.ggml.model", std::string("gpt2")},
            {"tokenizer.ggml.pre", std::string("qwen2")},
            {"tokenizer.ggml.tokens", byte_tokens()},
            {"tokenizer.ggml.token_type", types},
            {"tokenizer.ggml.merges", std::vector<std::string>{"Ġ a"}},
            {"tokenizer.ggml.eos_token_id", uint32_t{257}},
            {"tokenizer.chat_template", std::string("{{ x }}")}};
  }
  // <unk> <s> </s> <0x00>… ▁ a b ▁a ▁ab bb
  static io::GgufMetadata sentence_piece() {
    std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
    for (int byte = 0; byte < 256; ++byte) {
      char name[16];
      std::snprintf(name, sizeof name, "<0x%02X>", byte);
      tokens.push_back(name);
    }
    std::vector<int32_t> types(259, 6);
    types[0] = 2, types[1] = types[2] = 3;
    std::vector<float> scores(259, 0.0f);
    for (const char* token : {"▁", "a", "b", "▁a", "▁ab", "bb"}) tokens.push_back(token), types.push_back(1);
    for (const float score : {-9.f, -9.f, -9.f, -2.f, -3.f, -1.f}) scores.push_back(score);
    return {{"tokenizer.ggml.model", std::string("llama")},
            {"tokenizer.ggml.tokens", tokens},
            {"tokenizer.ggml.token_type", types},
            {"tokenizer.ggml.scores", scores},
            {"tokenizer.ggml.bos_token_id", uint32_t{1}},
            {"tokenizer.ggml.eos_token_id", uint32_t{2}},
            {"tokenizer.ggml.unknown_token_id", uint32_t{0}}};
  }
  Tokenizer load(const io::GgufMetadata& metadata) {
    io::write_gguf(folder_ / "m.gguf", metadata, {});
    return Tokenizer::load(folder_ / "m.gguf");
  }
  std::string refusal(io::GgufMetadata metadata, const std::string& key, const std::optional<io::GgufValue>& value) {
    std::erase_if(metadata, [&](const auto& one) { return one.first == key; });
    if (value) metadata.emplace_back(key, *value);
    return message([&] { load(metadata); });
  }
  static std::string message(const std::function<void()>& act) {
    try {
      act();
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "nothing";
  }

  fs::path folder_ = fs::temp_directory_path() / ("peftlab tokenizer " + std::to_string(getpid()));
};

TEST_F(TokenizerFiles, VocabularyAndMergesOfGpt2) {
  write_vocabulary_and_merges();
  write("tokenizer_config.json",
        R"({"tokenizer_class": "GPT2TokenizerFast", "eos_token": {"content": "<|endoftext|>"}, "add_bos_token": true,
                                     "chat_template": [{"name": "tools", "template": "t"}, {"name": "default", "template": "d"}]})");
  write("generation_config.json", R"({"eos_token_id": [7, 257]})");
  write("added_tokens.json", R"({"<x>": 258})");
  const Tokenizer tokenizer = Tokenizer::load(folder_);
  EXPECT_EQ(tokenizer.encode(" a<x><|endoftext|>", true), (std::vector<int64_t>{257, 256, 258, 257}));
  EXPECT_EQ(tokenizer.eos_id(), 257);
  EXPECT_EQ(tokenizer.bos_id(), std::nullopt);
  EXPECT_EQ(tokenizer.end_of_generation_ids(), (std::vector<int64_t>{7, 257}));
  EXPECT_EQ(tokenizer.chat_template(), "d");
  EXPECT_TRUE(tokenizer.is_special(257));
  EXPECT_FALSE(tokenizer.is_special(258));
  write("chat_template.jinja", "file");
  EXPECT_EQ(Tokenizer::load(folder_).chat_template(), "file");
}

TEST_F(TokenizerFiles, QwenComposes) {
  write_vocabulary_and_merges();
  write("config.json", R"({"model_type": "qwen3", "eos_token_id": 257})");
  const Tokenizer tokenizer = Tokenizer::load(folder_);
  EXPECT_EQ(tokenizer.encode("e\xCC\x81", false), (std::vector<int64_t>{0xC3, 0xA9}));
  EXPECT_EQ(tokenizer.eos_id(), 257);
}

TEST_F(TokenizerFiles, RefusesFolders) {
  const auto load = [&] { Tokenizer::load(folder_); };
  EXPECT_THAT(message([&] { Tokenizer::load(folder_ / "none"); }), HasSubstr("there is no such file or folder"));
  EXPECT_THAT(message(load), HasSubstr("holds neither tokenizer.json nor vocab.json and merges.txt"));
  write("tokenizer.model", "x");
  EXPECT_THAT(message(load), HasSubstr("tokenizer.model alone is not read"));
  write_vocabulary_and_merges();
  EXPECT_THAT(message(load), HasSubstr("neither a 'tokenizer_class' nor a 'model_type'"));
  write("tokenizer_config.json", R"({"tokenizer_class": "BertTokenizer"})");
  EXPECT_THAT(message(load), HasSubstr("the tokenizer class 'BertTokenizer' is not supported"));
  write("tokenizer_config.json", R"({"tokenizer_class": "GPT2Tokenizer", "eos_token": "<eos>"})");
  EXPECT_THAT(message(load), HasSubstr("the eos token '<eos>' is not in the vocabulary"));
  write(
      "tokenizer_config.json",
      R"({"tokenizer_class": "GPT2Tokenizer", "chat_template": [{"name": "a", "template": ""}, {"name": "b", "template": ""}]})");
  EXPECT_THAT(message(load), HasSubstr("a list of 2 without one named 'default'"));
  write("tokenizer_config.json",
        R"({"tokenizer_class": "GPT2Tokenizer", "added_tokens_decoder": {"x": {"content": "y"}}})");
  EXPECT_THAT(message(load), HasSubstr("'x' is no id"));
  write("tokenizer_config.json", R"({"tokenizer_class": "GPT2Tokenizer"})");
  write("generation_config.json", R"({"eos_token_id": "x"})");
  EXPECT_THAT(message(load), HasSubstr("generation_config.json: /eos_token_id: got \"x\", expected an id"));
  write("generation_config.json", "{}");
  write("added_tokens.json", R"({"<x>": "y"})");
  EXPECT_THAT(message(load), HasSubstr("the id of '<x>' is \"y\""));
  write("added_tokens.json", "{}");
  write("merges.txt", "a b c\n");
  EXPECT_THAT(message(load), HasSubstr("merges.txt:1: expected two tokens"));
  write("vocab.json", "{}");
  EXPECT_THAT(message(load), HasSubstr("holds no tokens"));
}

TEST_F(TokenizerFiles, ByteLevelGguf) {
  const Tokenizer tokenizer = load(byte_level());
  EXPECT_EQ(tokenizer.encode(" a<|endoftext|>e\xCC\x81", true), (std::vector<int64_t>{256, 257, 0xC3, 0xA9}));
  EXPECT_EQ(tokenizer.end_of_generation_ids(), (std::vector<int64_t>{257}));
  EXPECT_EQ(tokenizer.chat_template(), "{{ x }}");
}

TEST_F(TokenizerFiles, SentencePieceGgufMergesByScore) {
  const Tokenizer tokenizer = load(sentence_piece());
  const int64_t space = 259, b = 261, space_a = 262, space_ab = 263, bb = 264;
  EXPECT_EQ(tokenizer.encode("ab", true), (std::vector<int64_t>{1, space_ab}));
  EXPECT_EQ(tokenizer.encode("abb", false), (std::vector<int64_t>{space_a, bb}));
  EXPECT_EQ(tokenizer.encode("bbb", false), (std::vector<int64_t>{space, bb, b}));
  EXPECT_EQ(tokenizer.encode("é</s>a", false), (std::vector<int64_t>{space, 3 + 0xC3, 3 + 0xA9, 2, space_a}));
  EXPECT_EQ(tokenizer.decode({1, space_ab, space_a, 3 + 0xC3, 3 + 0xA9, 3 + 0xFF}, true),
            "ab a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(tokenizer.decode({1, space_ab, space_a, 3 + 0xC3, 3 + 0xA9}, true), "ab aé");
}

TEST_F(TokenizerFiles, RefusesGguf) {
  const auto bytes = byte_level();
  EXPECT_THAT(refusal(bytes, "tokenizer.ggml.model", std::nullopt), HasSubstr("holds no tokenizer"));
  EXPECT_THAT(refusal(bytes, "tokenizer.ggml.model", std::string("t5")),
              HasSubstr("the tokenizer model 't5' is not supported"));
  EXPECT_THAT(refusal(bytes, "tokenizer.ggml.pre", std::string("tekken")),
              HasSubstr("the pre-tokenizer 'tekken' is not supported"));
  EXPECT_THAT(refusal(bytes, "tokenizer.ggml.pre", std::nullopt), HasSubstr("names no pre-tokenizer"));
  EXPECT_THAT(refusal(bytes, "tokenizer.ggml.token_type", std::vector<int32_t>{1}),
              HasSubstr("has 1 elements for 258 tokens"));
  EXPECT_THAT(refusal(bytes, "tokenizer.ggml.eos_token_id", uint32_t{258}),
              HasSubstr("is 258, but there are 258 tokens"));
  EXPECT_THAT(refusal(bytes, "tokenizer.ggml.add_bos_token", true),
              HasSubstr("there is no 'tokenizer.ggml.bos_token_id'"));
  EXPECT_THAT(refusal(bytes, "tokenizer.ggml.merges", std::vector<std::string>{" a"}), HasSubstr("merge 0 is ' a'"));
  const auto pieces = sentence_piece();
  EXPECT_THAT(refusal(pieces, "tokenizer.ggml.scores", std::vector<float>{1.f}),
              HasSubstr("has 1 elements for 265 tokens"));
  EXPECT_THAT(refusal(pieces, "tokenizer.ggml.scores", std::vector<float>(265, NAN)),
              HasSubstr("the score of token 0 is not finite"));
  EXPECT_THAT(refusal(pieces, "tokenizer.ggml.precompiled_charsmap", std::string("x")), HasSubstr("normalisation"));
}

}  // namespace
}  // namespace peftlab::text
