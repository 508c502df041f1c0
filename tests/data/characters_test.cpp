#include "core/data/records/characters.h"

#include "core/data/shuffle.h"
#include "fixtures.h"

namespace peftlab::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Characters, KnowCategories) {
  EXPECT_EQ(category_of(U'路'), "Lo");
  EXPECT_EQ(category_of(0xE000), "Co");
  EXPECT_EQ(category_of(0x3000), "Zs");
  EXPECT_EQ(category_of(0x0378), "Cn");
  EXPECT_EQ(category_bits("Xx"), 0u);
  EXPECT_EQ(category_bits(""), 0u);
  EXPECT_EQ(category_bits("C"), category_bits("Cc") | category_bits("Cf") | category_bits("Cs") | category_bits("Co") | category_bits("Cn"));
}

TEST(Characters, ASetTakesCategoriesAndListsButNotItsExceptions) {
  const CharacterSet set{category_bits("Co"), {U'?', 0xFFFD}, {0xE001, 0xFFFD}};
  EXPECT_TRUE(set.contains(0xE000));
  EXPECT_TRUE(set.contains(0xFB56F));
  EXPECT_TRUE(set.contains(U'?'));
  EXPECT_FALSE(set.contains(0xE001));
  EXPECT_FALSE(set.contains(0xFFFD));
  EXPECT_FALSE(set.contains(U'路'));
}

TEST(Characters, StripTakesUnicodeSpaceFromTheEndsOnly) {
  EXPECT_EQ(stripped("\u3000 a\u3000b\t\u00A0\n"), "a\u3000b");
  EXPECT_EQ(stripped(" \u3000\n"), "");
  EXPECT_EQ(stripped(""), "");
  EXPECT_EQ(stripped("路"), "路");
}

TEST(Characters, WidthCountsColumns) {
  EXPECT_EQ(display_width("a路e\u0301"), 4);
  EXPECT_EQ(cut_to_width("八德路", 6), "八德路");
  EXPECT_EQ(cut_to_width("八德路", 5), "八德…");
  EXPECT_EQ(cut_to_width("八德路", 4), "八…");
}

TEST(Characters, InvisibleOnesAreWrittenOut) {
  EXPECT_EQ(visible("a\n\t\u3000\u200B路 b"), "a\\n\\t\\u{3000}\\u{200B}路 b");
}

TEST(Characters, SuspicionNamesAReason) {
  EXPECT_THAT(suspicion_of(0xE000).value_or(""), HasSubstr("private use"));
  EXPECT_THAT(suspicion_of(0xFFFD).value_or(""), HasSubstr("lost"));
  EXPECT_THAT(suspicion_of(0x3000).value_or(""), HasSubstr("space"));
  EXPECT_THAT(suspicion_of(0x2F24).value_or(""), HasSubstr("radical"));
  EXPECT_THAT(suspicion_of(0x2F82E).value_or(""), HasSubstr("compatibility"));
  EXPECT_THAT(suspicion_of(0xFF11).value_or(""), HasSubstr("full-width"));
  for (const char32_t c : std::u32string(U"路aé 𧯽\n")) EXPECT_FALSE(suspicion_of(c)) << code_point_name(c);
}

// The first numbers of the reference implementation for this seed.
TEST(Shuffle, SplitMix64GivesThePublishedNumbers) {
  SplitMix64 random(1234567);
  EXPECT_EQ(random(), 6457827717110365317u);
  EXPECT_EQ(random(), 3203168211198807973u);
  EXPECT_EQ(random(), 9817491932198370423u);
}

TEST(Shuffle, EveryOrderIsAsLikely) {
  std::map<std::vector<int>, int> seen;
  constexpr int kDraws = 6000;
  for (int i = 0; i < kDraws; ++i) {
    std::vector<int> items = {1, 2, 3};
    shuffle(items, named_stream(static_cast<uint64_t>(i), "test"));
    ++seen[items];
  }
  ASSERT_EQ(seen.size(), 6u);
  // Standard deviation of a count: sqrt(6000 * 1/6 * 5/6) = 28.9; five of them.
  for (const auto& [order, count] : seen) EXPECT_NEAR(count, kDraws / 6, 145);
}

TEST(Shuffle, SeedAndStreamDecideTheOrder) {
  const auto order = [](uint64_t seed, const char* stream) {
    std::vector<int> items(20);
    for (int i = 0; i < 20; ++i) items[static_cast<size_t>(i)] = i;
    shuffle(items, named_stream(seed, stream));
    return items;
  };
  EXPECT_EQ(order(3, "split"), order(3, "split"));
  EXPECT_NE(order(3, "split"), order(4, "split"));
  EXPECT_NE(order(3, "split"), order(3, "order"));
}

}  // namespace
}  // namespace peftlab::data
