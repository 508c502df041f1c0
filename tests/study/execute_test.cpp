#include "core/study/execute.h"

#include <signal.h>

#include "core/io/lock_file.h"
#include "core/study/plan.h"
#include "tests/study/toys.h"

namespace peftlab::study {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

/// Runs are scripts: `run FILE --seed N --out FOLDER ...`, and the seed says how each ends.
class Executed : public Toys {
 protected:
  void SetUp() override {
    Toys::SetUp();
    program_ = put("program", std::string("#!/bin/sh\nseed=$4 folder=$6\n") + "echo \"$@\" > " +
                                  (folder() / "words").string() + "-$seed\n" + "env > " + (folder() / "env").string() +
                                  "-$seed\n" +
                                  R"(
mkdir -p "$folder"
write() { sed "s/\"status\": *\"[a-z]*\"/\"status\": \"$1\"/" )" +
                                  (folder() / "record").string() + R"(-$seed > "$folder/run.json"; }
echo '{"phase": "trains", "total": 8}' >&2
case $seed in
  0) write finished ;;
  1) write running; kill -KILL $$ ;;
  2) echo 'terminate called' >&2; kill -ABRT $$ ;;
  3) write failed; echo 'peftlab: the loss is nan' >&2; exit 1 ;;
  4) write interrupted; exit 75 ;;
  5) echo 'peftlab: a.json: wrong' >&2; echo 'peftlab: b.json: wrong' >&2; exit 2 ;;
  6) exit 0 ;;
esac
)");
    std::filesystem::permissions(program_, std::filesystem::perms::owner_all);
  }

  std::vector<PlannedRun> planned_runs(int64_t count) const {
    PlanRequest request;
    request.files = {folder() / "toy.json"};
    request.num_seeds = count;
    request.overrides = {"/train/epochs=1"};
    request.folder = folder() / "runs";
    auto runs = make_plan(request);
    for (const auto& run : runs) put("record-" + std::to_string(run.seed), run.record.dump());
    return runs;
  }

  void do_runs(std::vector<PlannedRun>& runs, int64_t at_once = 1) const {
    execute(runs, {program_, at_once, nullptr, /*quiet=*/true});
  }

  std::filesystem::path program_;
};

TEST_F(Executed, EveryEndIsARowWithItsReason) {
  auto runs = planned_runs(7);
  do_runs(runs, 3);
  EXPECT_EQ(runs[0].state, RunState::finished);
  EXPECT_THAT(runs[1].reason, StartsWith("killed (SIGKILL): out of memory"));
  EXPECT_THAT(runs[2].reason, AllOf(HasSubstr("crashed (SIGABRT)"), HasSubstr("its last words: terminate called")));
  EXPECT_EQ(runs[3].reason, "the loss is nan");
  EXPECT_EQ(runs[4].state, RunState::interrupted);
  EXPECT_EQ(runs[5].reason, "a.json: wrong; b.json: wrong");
  EXPECT_EQ(runs[6].reason, "exit status 0");
  for (const size_t i : {1, 2, 3, 5, 6}) {
    EXPECT_EQ(runs[i].state, RunState::failed) << i;
    const auto record = io::read_json(runs[i].folder / "run.json").value;
    EXPECT_EQ(record.at("status"), "failed") << i;
    EXPECT_EQ(record.at("reason"), runs[i].reason) << i;
  }
}

TEST_F(Executed, WordsAndEnvironmentSayWhatTheRunIs) {
  auto runs = planned_runs(1);
  do_runs(runs, 2);
  const auto words = test::bytes_of(folder() / "words-0");
  EXPECT_THAT(
      words, AllOf(StartsWith("run " + (folder() / "toy.json").string() + " --seed 0 --out " + runs[0].folder.string()),
                   HasSubstr("--progress json"), HasSubstr("--set /train/epochs=1")));
  const auto environment = test::bytes_of(folder() / "env-0");
  EXPECT_THAT(environment, AllOf(HasSubstr("PEFTLAB_RUNS_AT_ONCE=2"),
                                 HasSubstr("PEFTLAB_THREADS=" + std::to_string(threads_each(2)))));
  EXPECT_EQ(threads_each(1), 0);
  EXPECT_GE(threads_each(1000), 1);
}

TEST_F(Executed, WhatIsFinishedOrElsewhereIsLeftAlone) {
  auto runs = planned_runs(2);
  finish(runs[0], 0.5, 1.0, 8);
  std::filesystem::create_directories(runs[1].folder);
  const io::LockFile lock(runs[1].folder / "lock");
  look_at(runs[1]);
  do_runs(runs);
  EXPECT_FALSE(std::filesystem::exists(folder() / "words-0"));
  EXPECT_FALSE(std::filesystem::exists(folder() / "words-1"));
  EXPECT_EQ(runs[1].state, RunState::running);
}

TEST_F(Executed, AFolderTakenMeanwhileIsNoFailure) {
  auto runs = planned_runs(6);
  std::filesystem::create_directories(runs[5].folder);
  const io::LockFile lock(runs[5].folder / "lock");
  std::vector<PlannedRun> last = {runs[5]};
  do_runs(last);
  EXPECT_EQ(last[0].state, RunState::running);
  EXPECT_FALSE(std::filesystem::exists(runs[5].folder / "run.json"));
}

TEST_F(Executed, AMissingProgramFailsEveryRun) {
  auto runs = planned_runs(2);
  execute(runs, {folder() / "nowhere", 1, nullptr, /*quiet=*/true});
  for (const auto& run : runs) EXPECT_THAT(run.reason, HasSubstr("cannot start"));
}

TEST_F(Executed, AfterAStopNothingBegins) {
  auto runs = planned_runs(2);
  const std::atomic<bool> stop{true};
  execute(runs, {program_, 1, &stop, /*quiet=*/true});
  for (const auto& run : runs) EXPECT_EQ(run.state, RunState::missing);
}

}  // namespace
}  // namespace peftlab::study
