// Small tokenizers that put the parts of a tokenizer.json together in many ways (tests/golden/make_tokenizers.py).
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/text/tokenizer.h"

namespace peftlab::text {
namespace {

nlohmann::json components() {
  std::ifstream file(std::string(PEFTLAB_SOURCE_DIR) + "/tests/golden/tokenizers/components.json");
  return nlohmann::json::parse(file);
}

TEST(TokenizerComponents, EqualTheLibrary) {
  const auto all = components();
  EXPECT_GE(all.size(), 19u);
  for (const auto& [name, one] : all.items()) {
    const Tokenizer tokenizer = Tokenizer::from_json(one.at("tokenizer").dump(), name);
    for (const auto& row : one.at("rows")) {
      SCOPED_TRACE(name + " " + row.at("text").dump());
      const auto text = row.at("text").get<std::string>();
      const auto special = row.at("ids_special").get<std::vector<int64_t>>();
      EXPECT_EQ(tokenizer.encode(text, false), row.at("ids").get<std::vector<int64_t>>());
      EXPECT_EQ(tokenizer.encode(text, true), special);
      EXPECT_EQ(tokenizer.decode(special, false), row.at("decoded").get<std::string>());
      EXPECT_EQ(tokenizer.decode(special, true), row.at("decoded_skip_special").get<std::string>());
      std::vector<int64_t> placed;
      for (const PlacedToken& token : tokenizer.encode_placed(text, true)) {
        placed.push_back(token.id);
        EXPECT_LE(token.begin, token.end);
        EXPECT_LE(token.end, text.size());
      }
      EXPECT_EQ(placed, special);
    }
  }
}

}  // namespace
}  // namespace peftlab::text
