#include "core/text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>

#include "core/io/gguf.h"
#include "core/text/tokenizer/regex.h"
#include "core/text/tokenizer/splitter.h"
#include "core/text/unicode.h"
#include "peftlab/error.h"

namespace peftlab::text {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;
namespace fs = std::filesystem;

// All bytes, a few merges, one special token.
Json byte_level_file() {
  Json vocab = Json::object();
  for (int byte = 0; byte < 256; ++byte) vocab[character_of_byte(static_cast<unsigned char>(byte))] = byte;
  int id = 256;
  for (const char* token : {"Ġt", "Ġth", "Ġthe", "aa", "aaaa", "aaaaaaaa"}) vocab[token] = id++;
  const Json merges = {"Ġ t", "Ġt h", {"Ġth", "e"}, "a a", "aa aa", "aaaa aaaa"};
  const Json added = Json::array({{{"id", 262}, {"content", "<|end|>"}, {"special", true}, {"normalized", false}}});
  return {{"version", "1.0"},
          {"added_tokens", added},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}}};
}

Tokenizer made(const Json& file) { return Tokenizer::from_json(file.dump(), "t.json"); }

// What is thrown for the byte-level file after `change`.
std::string refusal(const std::function<void(Json&)>& change) {
  Json file = byte_level_file();
  change(file);
  try {
    const Tokenizer tokenizer = made(file);
    tokenizer.encode("the aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 12", true);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "nothing";
}

std::string refusal_of_text(const std::string& text) {
  try {
    Tokenizer::from_json(text, "t.json");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "nothing";
}

TEST(Tokenizer, AnswersAboutItself) {
  const Tokenizer tokenizer = made(byte_level_file());
  EXPECT_EQ(tokenizer.vocab_size(), 263);
  EXPECT_EQ(tokenizer.id_of("Ġthe"), 258);
  EXPECT_EQ(tokenizer.id_of("<|end|>"), 262);
  EXPECT_EQ(tokenizer.id_of("nothing"), std::nullopt);
  EXPECT_EQ(tokenizer.token_of(258), "Ġthe");
  EXPECT_EQ(tokenizer.token_of(-1), "");
  EXPECT_EQ(tokenizer.token_of(263), "");
  EXPECT_TRUE(tokenizer.is_special(262));
  EXPECT_FALSE(tokenizer.is_special(258));
  EXPECT_EQ(tokenizer.encode("a the<|end|>", false), (std::vector<int64_t>{'a', 258, 262}));
  EXPECT_EQ(tokenizer.decode({'a', 258, 999, 262}, true), "a the");
}

TEST(Tokenizer, PlacesTokensInTheText) {
  const Tokenizer tokenizer = made(byte_level_file());
  EXPECT_EQ(tokenizer.encode_placed("a the<|end|>é", false),
            (std::vector<PlacedToken>{{'a', 0, 1}, {258, 1, 5}, {262, 5, 12}, {0xC3, 12, 13}, {0xA9, 13, 14}}));
  Json prepended = byte_level_file();
  prepended["normalizer"] = {{"type", "Prepend"}, {"prepend", " th"}};
  EXPECT_EQ(made(prepended).encode_placed("e", false), (std::vector<PlacedToken>{{258, 0, 1}}));
  Json composed = byte_level_file();
  composed["normalizer"] = {{"type", "NFC"}};
  EXPECT_EQ(made(composed).encode_placed("ae\xCC\x81z", false),
            (std::vector<PlacedToken>{{'a', 0, 1}, {0xC3, 1, 4}, {0xA9, 1, 4}, {'z', 4, 5}}));
}

TEST(Tokenizer, ByteLevelGivesEveryTextBack) {
  const Tokenizer tokenizer = made(byte_level_file());
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (unsigned n = random() % 40; n > 0; --n) {
      const char32_t c = random() % 3 == 0 ? random() % 0x110000 : random() % 0x300;
      if (c < 0xD800 || c > 0xDFFF) append_utf8(text, c);
    }
    const auto ids = tokenizer.encode(text, false);
    EXPECT_EQ(tokenizer.decode(ids, false), text);
    StreamDecoder stream(tokenizer, false);
    std::string streamed;
    for (const int64_t id : ids) streamed += stream.push(id);
    EXPECT_EQ(streamed + stream.finish(), text);
  }
}

TEST(Tokenizer, StreamsWholeCharacters) {
  StreamDecoder stream(made(byte_level_file()), true);
  EXPECT_EQ(stream.push(0xE8), "");
  EXPECT_EQ(stream.push(0xB7), "");
  EXPECT_EQ(stream.push(0xAF), "路");
  EXPECT_EQ(stream.push(262), "");
  EXPECT_EQ(stream.push('x'), "x");
  EXPECT_EQ(stream.push(0xE8), "");
  EXPECT_EQ(stream.finish(), "\xEF\xBF\xBD");
  EXPECT_EQ(stream.push('y'), "y");
}

TEST(Tokenizer, DecodesBrokenSequencesAsReplacements) {
  const Tokenizer tokenizer = made(byte_level_file());
  EXPECT_EQ(tokenizer.decode({0xF0, 0x9F, 'a'}, false),
            "\xEF\xBF\xBD"
            "a");
  EXPECT_EQ(tokenizer.decode({0xFF, 0xC0, 0x80}, false), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(tokenizer.decode({0xED, 0xA0, 0x80}, false), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Tokenizer, LongRunsAreNotQuadratic) {
  const Tokenizer tokenizer = made(byte_level_file());
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(tokenizer.encode(std::string(1 << 20, 'a'), false).size(), (1u << 20) / 8);
  EXPECT_EQ(tokenizer.encode(std::string(1 << 20, ' '), false).size(), 1u << 20);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(120));
}

TEST(Tokenizer, HashSeesWhatDecidesIds) {
  const std::string hash = made(byte_level_file()).hash();
  EXPECT_EQ(hash.size(), 64u);
  EXPECT_EQ(made(byte_level_file()).hash(), hash);
  Json other = byte_level_file();
  other["model"]["merges"][0] = {"a", "aa"};
  other["model"]["vocab"]["aaa"] = 263;
  EXPECT_NE(made(other).hash(), hash);
  other = byte_level_file();
  other["added_tokens"][0]["rstrip"] = true;
  EXPECT_NE(made(other).hash(), hash);
  other = byte_level_file();
  other["normalizer"] = {{"type", "NFC"}};
  EXPECT_NE(made(other).hash(), hash);
}

TEST(Tokenizer, RefusesTextThatIsNotUtf8) {
  EXPECT_THAT([] { made(byte_level_file()).encode("ab\xFFz", false); },
              testing::ThrowsMessage<ConfigError>(HasSubstr("not UTF-8: byte 2")));
}

TEST(Tokenizer, RefusesComponentsByName) {
  const auto with = [](const char* key, Json part) { return [=](Json& file) { file[key] = part; }; };
  EXPECT_THAT(refusal(with("normalizer", {{"type", "Nmt"}})),
              HasSubstr("t.json: /normalizer: the normalizer 'Nmt' is not supported"));
  EXPECT_THAT(refusal(with("pre_tokenizer", {{"type", "UnicodeScripts"}})),
              HasSubstr("the pre-tokenizer 'UnicodeScripts' is not supported"));
  EXPECT_THAT(refusal(with("decoder", {{"type", "CTC"}})), HasSubstr("the decoder 'CTC' is not supported"));
  EXPECT_THAT(refusal(with("post_processor", {{"type", "Other"}})),
              HasSubstr("the post-processor 'Other' is not supported"));
  EXPECT_THAT(refusal([](Json& file) { file["model"]["type"] = "Unigram"; }),
              HasSubstr("the model 'Unigram' is not supported"));
  EXPECT_THAT(refusal([](Json& file) { file["model"]["dropout"] = 0.1; }), HasSubstr("'dropout' is 0.1"));
  EXPECT_THAT(
      refusal(with("normalizer", {{"type", "Sequence"}, {"normalizers", Json::array({{{"type", "Prepend"}}})}})),
      HasSubstr("/normalizer/normalizers/0: has no 'prepend'"));
  EXPECT_THAT(refusal(with("pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "ab"}})),
              HasSubstr("'replacement' is 'ab', expected one character"));
  EXPECT_THAT(refusal(with("pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "_"}, {"prepend_scheme", "x"}})),
              HasSubstr("'prepend_scheme' is 'x'"));
  EXPECT_THAT(refusal(with("pre_tokenizer", {{"type", "Punctuation"}, {"behavior", "x"}})),
              HasSubstr("'behavior' is 'x'"));
  EXPECT_THAT(refusal(with("decoder", 5)), HasSubstr("/decoder: got number, expected an object"));
}

TEST(Tokenizer, RefusesRegexItCanNotRunTheSame) {
  const auto regex = [](const std::string& pattern) {
    return refusal([=](Json& file) {
      file["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}};
    });
  };
  EXPECT_THAT(regex("(a"), HasSubstr("is refused: missing closing parenthesis"));
  EXPECT_THAT(regex("[a[b]]"), HasSubstr("uses a set inside a set"));
  EXPECT_THAT(regex("[\\p{L}&&\\p{Lu}]"), HasSubstr("an intersection of sets"));
  EXPECT_THAT(regex("a\\b"), HasSubstr("uses '\\b'"));
  EXPECT_THAT(regex("[^\\S]"), HasSubstr("uses '\\S' in a set"));
  EXPECT_THAT(regex("(?m:a)"), HasSubstr("uses '(?m:'"));
  EXPECT_THAT(regex("(*NO_JIT)a"), HasSubstr("uses '(*'"));
  EXPECT_THAT(regex("a{2}+"), HasSubstr("'+' behind '}'"));
  EXPECT_THAT(regex("(a+)+[xy]"), HasSubstr("fails on a text of"));
  EXPECT_EQ(regex("\\p{L}+|\\s+(?!\\S)"), "nothing");
}

TEST(Tokenizer, RefusesLyingFiles) {
  EXPECT_THAT(refusal([](Json& f) { f["model"]["vocab"]["!"] = 258; }), HasSubstr("the id 258 belongs to"));
  EXPECT_THAT(refusal([](Json& f) { f["model"]["vocab"]["zz"] = 1LL << 40; }),
              HasSubstr("the token 'zz' has the id 1099511627776"));
  EXPECT_THAT(refusal([](Json& f) { f["model"]["vocab"]["zz"] = -1; }),
              HasSubstr("the token 'zz' has the id -1, expected a whole number"));
  EXPECT_THAT(refusal([](Json& f) { f["model"]["vocab"]["zz"] = "1"; }), HasSubstr("the token 'zz' has the id \"1\""));
  EXPECT_THAT(refusal([](Json& f) { f["model"]["merges"][0] = "q zz"; }),
              HasSubstr("merge 0 names 'zz', which is not in the vocabulary"));
  EXPECT_THAT(refusal([](Json& f) { f["model"]["merges"][1] = "abc"; }),
              HasSubstr("merge 1 is 'abc', expected two tokens"));
  EXPECT_THAT(refusal([](Json& f) {
                f["model"]["merges"][1] = {"a", "b", "c"};
              }),
              HasSubstr("merge 1 has 3 parts, expected 2"));
  EXPECT_THAT(refusal([](Json& f) { f["model"]["merges"][1] = 5; }), HasSubstr("merge 1 is no pair of tokens"));
  EXPECT_THAT(refusal([](Json& f) { f["model"]["unk_token"] = "<u>"; }),
              HasSubstr("the unknown token '<u>' is not in the vocabulary"));
  EXPECT_THAT(refusal([](Json& f) { f["added_tokens"][0]["id"] = 5; }), HasSubstr("the id 5 belongs to"));
  EXPECT_THAT(refusal([](Json& f) { f["added_tokens"][0]["content"] = "aa"; }),
              HasSubstr("the added token 'aa' has the id 262, but also 259"));
  EXPECT_THAT(refusal([](Json& f) { f["added_tokens"][0].erase("id"); }), HasSubstr("has no 'id'"));
  EXPECT_THAT(refusal([](Json& f) {
                f["post_processor"] = {{"type", "BertProcessing"}, {"cls", {"x", 999}}, {"sep", {"x", 1}}};
              }),
              HasSubstr("the id 999 belongs to no token"));
  EXPECT_THAT(refusal([](Json& f) { f["model"].erase("vocab"); }), HasSubstr("has no 'vocab'"));
  EXPECT_THAT(refusal([](Json& f) { f.erase("model"); }), HasSubstr("has no 'model'"));
  EXPECT_THAT(refusal_of_text("{\"model\": "), HasSubstr("t.json: parse error at line 1"));
  EXPECT_THAT(refusal_of_text("{\"a\": 1, \"a\": 2}"), HasSubstr("the key 'a' is there twice"));
  EXPECT_THAT(refusal_of_text(std::string(100, '[')), HasSubstr("nested deeper than 64"));
  EXPECT_THAT(refusal_of_text(R"({"model": {"vocab": {"a": 0, "a": 1}}})"), HasSubstr("the token 'a' is there twice"));
}

// Whatever bytes change, the answer is a tokenizer that works or a ConfigError.
TEST(Tokenizer, SurvivesMutants) {
  Json file = byte_level_file();
  Json vocab = Json::object();
  for (const char* token : {"a", "b", "Ġ", "ab", "Ġab"}) vocab[token] = vocab.size();
  file["model"]["vocab"] = vocab;
  file["model"]["merges"] = {"a b", "Ġ ab"};
  file["added_tokens"][0]["id"] = 5;
  file["post_processor"] = {{"type", "RobertaProcessing"}, {"cls", {"a", 0}}, {"sep", {"b", 1}}};
  file["normalizer"] = {
      {"type", "Sequence"},
      {"normalizers", {{{"type", "NFC"}}, {{"type", "Replace"}, {"pattern", {{"Regex", "x+"}}}, {"content", "y"}}}}};
  const std::string text = file.dump();
  std::mt19937 random(7);
  int loaded = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string mutant = text;
    for (unsigned n = 1 + random() % 3; n > 0; --n) {
      const size_t at = random() % mutant.size();
      const unsigned kind = random() % 4;
      if (kind == 0) mutant[at] = static_cast<char>(random());
      if (kind == 1) mutant.erase(at, 1 + random() % 8);
      if (kind == 2) mutant.insert(at, mutant, random() % mutant.size(), 1 + random() % 16);
      if (kind == 3) mutant[at] = "{}[]\",:0129-\\ tnfe"[random() % 18];
    }
    try {
      const Tokenizer tokenizer = Tokenizer::from_json(mutant, "m.json");
      tokenizer.decode(tokenizer.encode("ab <|end|> axxb é", true), true);
      ++loaded;
    } catch (const ConfigError&) {
    }
  }
  EXPECT_GT(loaded, 100);
  EXPECT_LT(loaded, 19000);
}

}  // namespace
}  // namespace peftlab::text
