#include "core/study/space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/study/rungs.h"

namespace peftlab::study {
namespace {

using io::Json;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

Dimension dimension(const std::string& text, const std::string& pointer = "/train/learning_rate") {
  io::Mistakes mistakes;
  const auto document = io::parse_json(text, "test");
  const auto read = read_dimension(document, "", pointer, mistakes);
  mistakes.throw_if_any();
  return *read;
}

std::string mistake(const std::string& text) {
  try {
    dimension(text);
    return "";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

TEST(Space, GridOfEachKind) {
  EXPECT_THAT(grid_of(dimension(R"({"values": [4, "a", null]})")), ElementsAre(4, "a", nullptr));
  EXPECT_THAT(grid_of(dimension(R"({"uniform": [0, 1], "points": 3})")), ElementsAre(0.0, 0.5, 1.0));
  EXPECT_THAT(grid_of(dimension(R"({"log_uniform": [1e-4, 1e-2], "points": 3})")), ElementsAre(1e-4, 1e-3, 1e-2));
  EXPECT_THAT(grid_of(dimension(R"({"int_uniform": [2, 5]})")), ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(grid_of(dimension(R"({"int_uniform": [1, 3], "points": 9})")), ElementsAre(1, 2, 3));
  EXPECT_FALSE(has_grid(dimension(R"({"uniform": [0, 1]})")));
}

TEST(Space, GridHasEveryCombination) {
  const Space space = {dimension(R"({"values": [1, 2]})", "/a"), dimension(R"({"values": ["x", "y", "z"]})", "/b")};
  const auto points = grid(space);
  ASSERT_THAT(points, SizeIs(6));
  EXPECT_THAT(points[1], ElementsAre(std::pair<io::Pointer, Json>("/a", 1), std::pair<io::Pointer, Json>("/b", "y")));
  EXPECT_EQ(num_points(space), 6);
  EXPECT_EQ(num_points({dimension(R"({"uniform": [0, 1]})")}), std::nullopt);
}

TEST(Space, DrawsStayInRangeAndReachAllOfIt) {
  const Space space = {dimension(R"({"log_uniform": [1e-4, 1e-2]})", "/rate"),
                       dimension(R"({"int_uniform": [1, 4]})", "/rank"), dimension(R"({"uniform": [-1, 1]})", "/x")};
  std::set<int64_t> ranks;
  int below_middle = 0;
  for (const auto& point : random_points(space, 400, 0)) {
    const double rate = point[0].second, x = point[2].second;
    EXPECT_GE(rate, 1e-4);
    EXPECT_LE(rate, 1e-2);
    EXPECT_GE(x, -1.0);
    EXPECT_LE(x, 1.0);
    below_middle += rate < 1e-3 ? 1 : 0;
    ranks.insert(point[1].second.get<int64_t>());
  }
  EXPECT_THAT(ranks, ElementsAre(1, 2, 3, 4));
  // Of 400 draws with one half each, 140 to 260 is six standard deviations.
  EXPECT_GT(below_middle, 140);
  EXPECT_LT(below_middle, 260);
}

TEST(Space, DrawsFollowSeedSettingAndNumberAlone) {
  const auto rate = dimension(R"({"log_uniform": [1e-4, 1e-2]})", "/rate");
  const auto rank = dimension(R"({"values": [2, 4, 8, 16, 32, 64, 128]})", "/rank");
  const auto one = random_points({rate}, 5, 7), both = random_points({rank, rate}, 5, 7);
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(one[i][0], both[i][1]);
  EXPECT_EQ(random_points({rate}, 3, 7)[2], one[2]);
  EXPECT_NE(random_points({rate}, 3, 8)[2], one[2]);
  const auto other = dimension(R"({"log_uniform": [1e-4, 1e-2]})", "/other_rate");
  EXPECT_NE(random_points({other}, 3, 7)[2][0].second, one[2][0].second);
}

TEST(Space, NoPointTwiceAndAllWhereThereAreNoMore) {
  const Space space = {dimension(R"({"values": [1, 2, 3]})", "/a"), dimension(R"({"values": [1, 2]})", "/b")};
  std::set<std::string> seen;
  for (const auto& point : random_points(space, 6, 3)) seen.insert(Json(point).dump());
  EXPECT_THAT(seen, SizeIs(6));
}

TEST(Space, WrongDimensions) {
  EXPECT_THAT(mistake("{}"), HasSubstr("expected one of 'values', 'uniform', 'log_uniform', 'int_uniform'"));
  EXPECT_THAT(mistake(R"({"values": [1], "uniform": [0, 1]})"), HasSubstr("expected one of"));
  EXPECT_THAT(mistake(R"({"values": []})"), HasSubstr("expected a list of different values, got the list []"));
  EXPECT_THAT(mistake(R"({"values": [1, 1]})"), HasSubstr("expected a list of different values"));
  EXPECT_THAT(mistake(R"({"uniform": [1]})"), HasSubstr("expected a list of two numbers"));
  EXPECT_THAT(mistake(R"({"uniform": [2, 1]})"), HasSubstr("the lowest must be below the highest"));
  EXPECT_THAT(mistake(R"({"log_uniform": [0, 1]})"), HasSubstr("needs a lowest value above 0"));
  EXPECT_THAT(mistake(R"({"int_uniform": [1, 2.5]})"), HasSubstr("expected two integers"));
  EXPECT_THAT(mistake(R"({"values": [1], "points": 3})"), HasSubstr("is for a range"));
  EXPECT_THAT(mistake(R"({"uniform": [0, 1], "points": 1})"), HasSubstr("of at least 2"));
  EXPECT_THAT(mistake(R"({"loguniform": [1, 2]})"), HasSubstr("did you mean 'log_uniform'?"));
}

TEST(Rungs, HaveThirdsOfTheTrialsAndThriceTheLength) {
  const auto rungs = rungs_of(9, 3, 8);
  ASSERT_THAT(rungs, SizeIs(3));
  EXPECT_EQ(rungs[0].num_trials, 9);
  EXPECT_EQ(rungs[1].num_trials, 3);
  EXPECT_EQ(rungs[2].num_trials, 1);
  EXPECT_NEAR(rungs[0].share, 1.0 / 9, 1e-15);
  EXPECT_EQ(rungs[2].share, 1.0);
  EXPECT_THAT(rungs_of(10, 3, 2), SizeIs(2));
  EXPECT_EQ(rungs_of(10, 3, 2)[0].share, 1.0 / 3);
  EXPECT_THAT(rungs_of(1, 2, 8), SizeIs(1));
}

TEST(Rungs, TheBestGoOn) {
  EXPECT_THAT(best_of({3, 1, NAN, 2, 1}, 3, /*lower_is_better=*/true), ElementsAre(1, 4, 3));
  EXPECT_THAT(best_of({3, 1, NAN, 2}, 9, /*lower_is_better=*/false), ElementsAre(0, 3, 1));
  EXPECT_THAT(best_of({NAN}, 1, true), SizeIs(0));
}

}  // namespace
}  // namespace peftlab::study
