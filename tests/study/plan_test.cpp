#include "core/study/plan.h"

#include "core/io/lock_file.h"
#include "tests/study/toys.h"

namespace peftlab::study {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

class Plans : public Toys {
 protected:
  PlanRequest request(std::vector<std::filesystem::path> files) const {
    PlanRequest request;
    for (const auto& file : files) request.files.push_back(folder() / file);
    request.folder = folder() / "runs";
    return request;
  }
};

TEST_F(Plans, SeedsAreTheFilesThenTheSmallestOthers) {
  const auto named = lab::load_experiment(put("named.json", experiment(2, R"(, "seeds": [7, 1])")));
  const auto unnamed = lab::load_experiment(folder() / "toy.json");
  EXPECT_THAT(seeds_of(named, std::nullopt), ElementsAre(7, 1));
  EXPECT_THAT(seeds_of(named, 1), ElementsAre(7));
  EXPECT_THAT(seeds_of(named, 4), ElementsAre(7, 1, 0, 2));
  EXPECT_THAT(seeds_of(unnamed, std::nullopt), ElementsAre(0));
  EXPECT_THAT(seeds_of(unnamed, 3), ElementsAre(0, 1, 2));
}

TEST_F(Plans, ListExperimentsInOrderWithTheirSeeds) {
  put("other.json", experiment(4));
  auto wanted = request({"toy.json", "other.json", "./toy.json"});
  wanted.num_seeds = 2;
  const auto runs = make_plan(wanted);
  ASSERT_THAT(runs, SizeIs(4));
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(runs[i].number, static_cast<int64_t>(i) + 1);
    EXPECT_EQ(runs[i].name, i < 2 ? "toy" : "other");
    EXPECT_EQ(runs[i].seed, static_cast<int64_t>(i % 2));
    EXPECT_EQ(runs[i].state, RunState::missing);
    EXPECT_EQ(runs[i].folder, folder() / "runs" / runs[i].name /
                                  ("seed" + std::to_string(i % 2) + "-" + runs[i].identity.substr(0, 8)));
  }
  EXPECT_NE(runs[0].identity, runs[1].identity);
  EXPECT_NE(runs[0].identity, runs[2].identity);
  wanted.overrides = {"/train/epochs=1"};
  EXPECT_NE(make_plan(wanted)[0].identity, runs[0].identity);
}

TEST_F(Plans, KnowWhatIsThere) {
  auto run = make_plan(request({"toy.json"}))[0];
  const auto state = [&] { return make_plan(request({"toy.json"}))[0]; };
  finish(run, 0.5, 1.0, 8);
  EXPECT_EQ(state().state, RunState::finished);
  const auto write = [&](const std::string& status, const std::string& identity) {
    io::write_file(run.folder / "run.json",
                   io::Json{{"status", status}, {"identity", identity}, {"reason", "no luck"}}.dump());
  };
  write("interrupted", run.identity);
  EXPECT_EQ(state().state, RunState::interrupted);
  {
    const io::LockFile lock(run.folder / "lock");
    EXPECT_EQ(state().state, RunState::running);
  }
  write("running", run.identity);
  EXPECT_EQ(state().state, RunState::interrupted);
  write("failed", run.identity);
  EXPECT_EQ(state().state, RunState::failed);
  EXPECT_EQ(state().reason, "no luck");
  write("finished", "0123456789");
  EXPECT_THAT(state().reason, HasSubstr("holds another run (01234567"));
  for (const char* broken : {"{", "[1]", ""}) {
    io::write_file(run.folder / "run.json", broken);
    EXPECT_EQ(state().state, RunState::failed) << broken;
  }
}

TEST_F(Plans, MistakesOfAllFilesAreToldAtOnceAndOnce) {
  put("base.json", experiment(2, R"(, "trian": {})"));
  put("one.json", R"({"about": "one", "extends": "base.json"})");
  put("two.json",
      R"({"about": "two", "extends": "base.json", "method": {"name": "lora", "rnak": 2, "targets": "all-linear"}})");
  put("three.json", experiment(0));
  const auto message = test::message_of<ConfigError>([&] {
    make_plan(request({"one.json", "two.json", "three.json", "nowhere.json"}));
  });
  EXPECT_THAT(message, AllOf(HasSubstr("base.json:"), HasSubstr("did you mean 'train'?"), HasSubstr("three.json"),
                             HasSubstr("nowhere.json")));
  EXPECT_EQ(message.find("did you mean 'train'?"), message.rfind("did you mean 'train'?")) << message;
  auto seeded = request({"toy.json"});
  seeded.overrides = {"/seed=3"};
  EXPECT_THAT(test::message_of<ConfigError>([&] { make_plan(seeded); }), HasSubstr("give --seeds"));
  seeded.overrides = {"train=3"};
  EXPECT_THAT(test::message_of<ConfigError>([&] { make_plan(seeded); }), HasSubstr("expected a pointer and a value"));
}

TEST_F(Plans, FailuresAreWrittenWhereTheRunCouldNot) {
  auto run = make_plan(request({"toy.json"}))[0];
  record_failure(run, "killed");
  look_at(run);
  EXPECT_EQ(run.state, RunState::failed);
  EXPECT_EQ(run.reason, "killed");
  const auto record = io::read_json(run.folder / "run.json").value;
  EXPECT_EQ(record.at("name"), "toy");
  EXPECT_EQ(record.at("identity"), run.identity);
  // What the run wrote stays.
  io::write_file(run.folder / "run.json",
                 io::Json{{"status", "running"}, {"identity", run.identity}, {"num_trainable", 7}}.dump());
  record_failure(run, "killed again");
  EXPECT_EQ(io::read_json(run.folder / "run.json").value.at("num_trainable"), 7);
  const io::LockFile lock(run.folder / "lock");
  record_failure(run, "not mine to say");
  EXPECT_EQ(io::read_json(run.folder / "run.json").value.at("reason"), "killed again");
}

TEST(Shards, AreEveryNthOfTheList) {
  const auto shard = parse_shard("2/3");
  std::vector<int64_t> mine;
  for (int64_t number = 1; number <= 9; ++number) {
    if (shard.has(number)) mine.push_back(number);
  }
  EXPECT_THAT(mine, ElementsAre(2, 5, 8));
  EXPECT_TRUE(parse_shard("1/1").is_all());
  for (const char* wrong : {"", "3", "0/3", "4/3", "1/", "/3", "1/3x", "a/b", "-1/3"}) {
    EXPECT_THAT(test::message_of<ConfigError>([&] { parse_shard(wrong); }),
                HasSubstr("expected a part and how many there are"))
        << wrong;
  }
}

}  // namespace
}  // namespace peftlab::study
