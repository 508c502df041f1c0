// Ids and decoded text of whole vocabularies, against what the tokenizers library gives for the same strings. The
// vocabularies are other people's and lie beside the checkout, if at all.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/io/gguf.h"
#include "core/text/tokenizer.h"

namespace peftlab::text {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? std::optional<fs::path>(value) : std::nullopt;
}

fs::path shared() { return variable("PEFTLAB_SHARED").value_or(fs::path(PEFTLAB_SOURCE_DIR) / ".." / "shared"); }

std::optional<fs::path> smollm2() {
  if (const auto given = variable("PEFTLAB_SMOLLM2_GGUF")) return given;
  const auto home = variable("HOME");
  const auto cache = variable("PEFTLAB_HOME").value_or(home ? *home / ".cache" / "peftlab" : fs::path("/nonexistent"));
  if (!fs::exists(cache / "models")) return std::nullopt;
  for (const auto& entry : fs::recursive_directory_iterator(cache / "models"))
    if (entry.path().filename() == "SmolLM2-135M-Instruct.Q4_1.gguf") return entry.path();
  return std::nullopt;
}

struct Case {
  std::string name;
  std::string path;  // below shared(); "" for SmolLM2
};

std::vector<nlohmann::json> rows_of(const std::string& name) {
  std::ifstream file(shared() / "golden" / "tokenizers" / (name + ".jsonl"));
  std::vector<nlohmann::json> rows;
  for (std::string line; std::getline(file, line);) rows.push_back(nlohmann::json::parse(line));
  return rows;
}

// Tokens stand in the order of the text, within it.
void expect_places(const std::vector<PlacedToken>& tokens, const std::vector<int64_t>& ids, size_t size) {
  ASSERT_EQ(tokens.size(), ids.size());
  for (size_t i = 0; i < tokens.size(); ++i) {
    EXPECT_EQ(tokens[i].id, ids[i]);
    EXPECT_LE(tokens[i].begin, tokens[i].end);
    EXPECT_LE(tokens[i].end, size);
    EXPECT_LE(tokens[i == 0 ? 0 : i - 1].begin, tokens[i].begin);
  }
}

class TokenizerGolden : public testing::TestWithParam<Case> {};

TEST_P(TokenizerGolden, EveryString) {
  const auto path = GetParam().path.empty() ? smollm2() : std::optional(shared() / GetParam().path);
  if (!path) GTEST_SKIP() << "needs SmolLM2-135M-Instruct.Q4_1.gguf: name it in PEFTLAB_SMOLLM2_GGUF";
  if (!fs::exists(*path)) GTEST_SKIP() << "needs " << *path << " (PEFTLAB_SHARED names another folder)";
  const auto rows = rows_of(GetParam().name);
  if (rows.empty()) GTEST_SKIP() << "needs golden/tokenizers/" << GetParam().name << ".jsonl in " << shared();
  const Tokenizer tokenizer = Tokenizer::load(*path);
  EXPECT_EQ(rows.size(), 200u);
  for (const auto& row : rows) {
    const auto text = row.at("text").get<std::string>();
    SCOPED_TRACE(row.at("text").dump());
    const auto ids = row.at("ids").get<std::vector<int64_t>>();
    const auto special = row.at("ids_special").get<std::vector<int64_t>>();
    EXPECT_EQ(tokenizer.encode(text, false), ids);
    EXPECT_EQ(tokenizer.encode(text, true), special);
    EXPECT_EQ(tokenizer.decode(special, false), row.at("decoded").get<std::string>());
    EXPECT_EQ(tokenizer.decode(special, true), row.at("decoded_skip_special").get<std::string>());
    expect_places(tokenizer.encode_placed(text, true), special, text.size());
    StreamDecoder stream(tokenizer, false);
    std::string streamed;
    for (const int64_t id : special) streamed += stream.push(id);
    EXPECT_EQ(streamed + stream.finish(), row.at("decoded").get<std::string>());
  }
}

INSTANTIATE_TEST_SUITE_P(All, TokenizerGolden,
                         testing::Values(Case{"SmolLM2-135M-Instruct", ""}, Case{"gpt2", "tokenizers/gpt2"},
                                         Case{"llama2", "tokenizers/llama2"},
                                         Case{"phi-3-mini", "tokenizers/phi-3-mini"}, Case{"qwen3", "tokenizers/qwen3"},
                                         Case{"tinystories-656k", "models/tinystories-656k"},
                                         Case{"chatglm3", "tokenizers/chatglm3"}),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           for (char& c : name)
                             if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
                           return name;
                         });

}  // namespace
}  // namespace peftlab::text
