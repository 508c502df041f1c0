#include "core/study/index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/study/database.h"
#include "tests/compare/runs.h"

namespace peftlab::study {
namespace {

using compare::record;
using compare::write;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Index : public testing::Test {
 protected:
  void put(const std::string& folder, const io::Json& json) const {
    write(scratch_ / folder / "run.json", json.dump());
  }
  IndexReport update(bool anew = false) const { return update_index(scratch_.folder(), anew); }
  std::vector<std::string> rows(const std::string& sql) const {
    Database database(scratch_ / ".index.sqlite");
    Statement all(database, sql);
    std::vector<std::string> texts;
    while (all.next()) texts.push_back(all.text(0));
    return texts;
  }

  test::Scratch scratch_;
};

TEST_F(Index, FollowsTheFolders) {
  put("alpha/seed0", record("alpha", 0, 0.5, 4));
  put("alpha/seed1", record("alpha", 1, 0.75, 4));
  auto report = update();
  EXPECT_THAT(report.added, ElementsAre("alpha/seed0", "alpha/seed1"));
  EXPECT_EQ(report.num_runs, 2u);
  EXPECT_THAT(rows("SELECT score FROM runs ORDER BY seed"), ElementsAre("0.5", "0.75"));
  EXPECT_THAT(rows("SELECT method || ' ' || status || ' ' || split || ' ' || num_items FROM runs WHERE seed = 1"),
              ElementsAre("alpha finished test 4"));
  report = update();
  EXPECT_EQ(report.num_unchanged, 2u);
  EXPECT_THAT(report.added, IsEmpty());
  put("alpha/seed1", record("alpha", 1, 0.25, 4));
  std::filesystem::remove_all(scratch_ / "alpha/seed0");
  put("beta/seed0", record("beta", 0, 1.0, 4));
  report = update();
  EXPECT_THAT(report.changed, ElementsAre("alpha/seed1"));
  EXPECT_THAT(report.removed, ElementsAre("alpha/seed0"));
  EXPECT_THAT(report.added, ElementsAre("beta/seed0"));
  EXPECT_THAT(rows("SELECT score FROM runs ORDER BY name"), ElementsAre("0.25", "1.0"));
}

TEST_F(Index, DamagedAndFailedRunsAreInIt) {
  write(scratch_ / "a" / "run.json", "{\"name\": ");
  auto failed = record("b", 0, 0.5, 4);
  failed["status"] = "failed";
  failed["reason"] = "no luck";
  put("b", failed);
  const auto report = update();
  EXPECT_THAT(report.damaged, ElementsAre(HasSubstr("a: cannot be read: ")));
  EXPECT_THAT(rows("SELECT status FROM runs ORDER BY folder"), ElementsAre("damaged", "failed"));
  EXPECT_THAT(rows("SELECT problem FROM runs WHERE folder = 'b'"), ElementsAre("failed: no luck"));
  EXPECT_THAT(update().damaged, SizeIs(1));
}

TEST_F(Index, TellsTheSameRunTwice) {
  auto json = record("alpha", 0, 0.5, 4);
  json["identity"] = "abc";
  put("one", json);
  put("two", json);
  EXPECT_THAT(update().repeated, ElementsAre("two: the same run as one"));
}

TEST_F(Index, IsMadeAnewWhereItIsDamagedOrOld) {
  put("alpha", record("alpha", 0, 0.5, 4));
  EXPECT_EQ(update().rebuilt, "");
  write(scratch_ / ".index.sqlite", "this is no database, however long it is; it is text");
  auto report = update();
  EXPECT_EQ(report.rebuilt, "it was damaged");
  EXPECT_THAT(report.added, ElementsAre("alpha"));
  Database(scratch_ / ".index.sqlite").run("PRAGMA user_version = 99");
  EXPECT_EQ(update().rebuilt, "it was of another version");
  // An index that lies is mended on demand.
  Database(scratch_ / ".index.sqlite").run("UPDATE runs SET score = 1.0");
  EXPECT_EQ(update(/*anew=*/true).rebuilt, "as asked");
  EXPECT_THAT(rows("SELECT score FROM runs"), ElementsAre("0.5"));
}

TEST_F(Index, NeedsAFolderItCanWriteTo) {
  EXPECT_THAT(test::message_of<ConfigError>([&] { update_index(scratch_ / "nowhere"); }), HasSubstr("no such folder"));
  std::filesystem::create_directories(scratch_ / "x" / ".index.sqlite");
  EXPECT_THAT(test::message_of<ConfigError>([&] { update_index(scratch_ / "x"); }), HasSubstr("is no regular file"));
  EXPECT_TRUE(std::filesystem::is_directory(scratch_ / "x" / ".index.sqlite"));
}

}  // namespace
}  // namespace peftlab::study
